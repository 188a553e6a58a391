@ Runs batches of instructions from a list and writes down the state after each. The same code runs on QEMU and on our
@ machine; the host puts the list into PSRAM and takes the results from there (ours) or from a file (QEMU's).
@
@ A batch runs in Thread mode on the process stack, started by an exception return and ended by SVC or by whatever fault it
@ makes: every register is in the frame or still in place, so the batch may use all of them.

        .syntax unified
        .cpu    cortex-m7
        .fpu    fpv5-d16
        .thumb

        .equ    LIST,        0x60400000         @ input records
        .equ    RESULTS,     0x60A00000         @ output records
        .equ    SANDBOX,     0x20002000
        .equ    SANDBOX_SIZE, 0x2000
        .equ    IN_SIZE,     208
        .equ    OUT_SIZE,    224
        .equ    STATE,       0x20001000         @ input pointer, output pointer, end of the list
        .equ    BASIC,       0xFFFFFFFD         @ EXC_RETURN: Thread mode, process stack, no FP frame

        .section .vectors, "a"
        .word   0x20001000
        .word   start + 1
        .rept   14
        .word   ended + 1
        .endr

        .text
        .thumb_func
start:
        ldr     r0, =0xE000ED88                 @ CPACR: full access to the FPU
        mov     r1, #0x00F00000
        str     r1, [r0]
        ldr     r0, =0xE000EF34                 @ FPCCR: no automatic FP state, registers stay as they are
        movs    r1, #0
        str     r1, [r0]
        dsb
        isb
        ldr     r0, =0xE000ED24                 @ SHCSR: MemManage, BusFault, UsageFault
        mov     r1, #0x00070000
        str     r1, [r0]
        ldr     r12, =STATE
        ldr     r0, =LIST
        ldr     r1, [r0]                        @ number of records; the first one lies IN_SIZE further on
        mov     r2, #IN_SIZE
        add     r3, r0, r2
        mla     r3, r1, r2, r3
        str     r3, [r12, #8]
        str     r0, [r12]
        ldr     r1, =RESULTS - OUT_SIZE         @ the first "result" is that of the SVC below
        str     r1, [r12, #4]
        movs    r1, #0
        str     r1, [r0, #4]                    @ its sandbox is not hashed
        ldr     r0, =SANDBOX + SANDBOX_SIZE
        msr     psp, r0
        movs    r0, #2
        msr     control, r0
        isb
        svc     0

        .thumb_func
ended:
        ldr     r12, =STATE
        ldr     r0, [r12, #4]
        add     r1, r0, #32
        stm     r1, {r4-r11}
        mrs     r2, ipsr
        str     r2, [r0]
        ldr     r3, =0xE000ED28                 @ CFSR, then HFSR: noted and cleared
        ldr     r2, [r3]
        str     r2, [r0, #4]
        str     r2, [r3]
        ldr     r2, [r3, #4]
        str     r2, [r0, #212]
        str     r2, [r3, #4]
        mrs     r1, psp
        str     r1, [r0, #72]
        ldmia   r1, {r4-r11}                    @ R0-R3, R12, LR, return address, xPSR
        add     r2, r0, #16
        stm     r2, {r4-r7}
        str     r8, [r0, #64]
        str     r9, [r0, #68]
        str     r10, [r0, #208]
        str     r11, [r0, #12]
        vmrs    r2, fpscr
        str     r2, [r0, #76]
        add     r2, r0, #80
        vstmia  r2, {s0-s31}

        ldr     r4, [r12]
        ldr     r5, [r4, #4]
        movs    r6, #0
        tst     r5, #1
        beq     2f
        ldr     r7, =SANDBOX
        mov     r8, #SANDBOX_SIZE / 4
1:      ldr     r9, [r7], #4
        eor     r6, r9, r6, ror #25
        add     r6, r6, r6, lsl #2
        subs    r8, #1
        bne     1b
2:      str     r6, [r0, #8]
        add     r0, #OUT_SIZE
        str     r0, [r12, #4]

        add     r4, #IN_SIZE
        str     r4, [r12]
        ldr     r1, [r12, #8]
        cmp     r4, r1
        beq     finish

        ldr     r5, [r4, #4]                    @ CCR: the trap bits are the batch's choice
        and     r6, r5, #0x18
        orr     r6, #0x40000
        orr     r6, #0x200
        ldr     r7, =0xE000ED14
        str     r6, [r7]
        tst     r5, #1
        beq     4f
        ldr     r6, [r4, #8]                    @ sandbox: a generator from its seed
        ldr     r7, =SANDBOX
        mov     r8, #SANDBOX_SIZE / 4
        ldr     r9, =1664525
        ldr     r10, =1013904223
3:      mla     r6, r6, r9, r10
        eor     r11, r6, r6, lsr #15
        str     r11, [r7], #4
        subs    r8, #1
        bne     3b

4:      ldr     r1, [r4, #76]
        vmsr    fpscr, r1
        add     r1, r4, #80
        vldmia  r1, {s0-s31}
        ldr     r0, [r4, #72]                   @ SP; the frame under it, padded if SP is not a multiple of 8
        ldr     r2, [r4, #12]                   @ APSR
        orr     r2, #0x01000000
        tst     r0, #4
        itt     ne
        orrne   r2, #0x200
        subne   r0, #4
        sub     r0, #32
        msr     psp, r0
        ldr     r1, [r4, #16]
        str     r1, [r0]
        ldr     r1, [r4, #20]
        str     r1, [r0, #4]
        ldr     r1, [r4, #24]
        str     r1, [r0, #8]
        ldr     r1, [r4, #28]
        str     r1, [r0, #12]
        ldr     r1, [r4, #64]
        str     r1, [r0, #16]
        ldr     r1, [r4, #68]
        str     r1, [r0, #20]
        ldr     r1, [r4]
        str     r1, [r0, #24]
        str     r2, [r0, #28]
        add     r1, r4, #32
        ldm     r1, {r4-r11}
        mvn     lr, #2                          @ BASIC
        bx      lr

finish:
        movs    r0, #1                          @ SYS_OPEN
        ldr     r1, =open
        bkpt    0xAB
        ldr     r1, =STATE + 16
        str     r0, [r1]
        ldr     r2, =RESULTS
        str     r2, [r1, #4]
        ldr     r3, [r12, #4]
        subs    r3, r2
        str     r3, [r1, #8]
        movs    r0, #5                          @ SYS_WRITE
        bkpt    0xAB
        movs    r0, #0x18                       @ SYS_EXIT
        ldr     r1, =0x20026
        bkpt    0xAB
        b       .

        .align  2
open:   .word   name, 5, 7                      @ mode "wb"
name:   .asciz  "results"
        .align  2
        .ltorg
