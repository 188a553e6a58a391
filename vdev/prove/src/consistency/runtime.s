@ Frame of a random program: interrupts by SysTick that pend others of several priorities, faults that skip to the next
@ batch, and a place whose code a handler keeps rewriting. The batches are put in by the host, at 0x1000.

        .syntax unified
        .cpu    cortex-m7
        .fpu    fpv5-d16
        .thumb

        .equ    RELOAD,  0x20000000             @ SysTick's period
        .equ    RESUME,  0x20000004             @ where a fault continues
        .equ    COUNT,   0x20000008             @ handlers run, faults taken
        .equ    BATCHES, 0x1000

        .section .vectors, "a"
        .word   0x20001F00
        .word   start + 1
        .word   fault + 1                       @ NMI: never
        .rept   4
        .word   fault + 1
        .endr
        .rept   4
        .word   0
        .endr
        .word   chained + 1                     @ SVCall
        .word   fault + 1
        .word   0
        .word   chained + 1                     @ PendSV
        .word   tick + 1
        .rept   8
        .word   chained + 1
        .endr

        .text
        .thumb_func
start:
        ldr     r0, =0xE000ED88
        mov     r1, #0x00F00000
        str     r1, [r0]
        dsb
        isb
        ldr     r0, =0xE000ED24
        mov     r1, #0x00070000
        str     r1, [r0]
        ldr     r0, =0xE000ED18                 @ faults 0, SVCall 0xC0, PendSV 0xC0, SysTick 0x40
        ldr     r1, =0xC0000000
        str     r1, [r0, #4]
        ldr     r1, =0x40C00000
        str     r1, [r0, #8]
        ldr     r0, =0xE000E400
        ldr     r1, =0x20A08060
        str     r1, [r0]
        ldr     r0, =0xE000E100
        movs    r1, #15
        str     r1, [r0]
        ldr     r0, =RELOAD
        ldr     r0, [r0]
        ldr     r1, =0xE000E010
        str     r0, [r1, #4]
        movs    r0, #7
        str     r0, [r1]
        ldr     r3, =0xE000ED98                 @ MPU: code and data open to all; the rest is SysTick's play
        movs    r2, #0
        str     r2, [r3]
        str     r2, [r3, #4]
        ldr     r2, =0x03000027
        str     r2, [r3, #8]
        movs    r2, #1
        str     r2, [r3]
        ldr     r2, =0x20000000
        str     r2, [r3, #4]
        ldr     r2, =0x03080027
        str     r2, [r3, #8]
        ldr     r0, =BATCHES + 1
        bx      r0

        .thumb_func
tick:
        push    {r4, lr}
        ldr     r0, =COUNT
        ldr     r1, [r0]
        adds    r1, #1
        str     r1, [r0]
        and     r2, r1, #15                     @ interrupts by the count's bits
        ldr     r3, =0xE000E200
        str     r2, [r3]
        tst     r1, #16
        ittt    ne
        ldrne   r3, =0xE000ED04
        movne   r2, #0x10000000
        strne   r2, [r3]
        ldr     r3, =patched                    @ ADDS r0, #1 becomes SUBS r0, #1 and back
        bic     r3, #1
        ldrh    r2, [r3]
        eor     r2, #0x0800
        strh    r2, [r3]
        dsb
        isb
        ldr     r3, =0xE000ED98                 @ protection by the count's bits: a small region with subregions,
        movs    r2, #2
        str     r2, [r3]
        ldr     r2, =0x20002E00
        str     r2, [r3, #4]
        and     r2, r1, #7
        lsl     r2, #24
        ubfx    r0, r1, #1, #8
        orr     r2, r2, r0, lsl #8
        orr     r2, #0x80000
        orr     r2, #0x0F
        str     r2, [r3, #8]
        movs    r2, #3                          @ a page,
        str     r2, [r3]
        ldr     r2, =0x20003000
        str     r2, [r3, #4]
        and     r2, r1, #0x38
        lsl     r2, #21
        orr     r2, #0x80000
        orr     r2, #0x13
        str     r2, [r3, #8]
        ubfx    r2, r1, #5, #1                  @ the MPU on or off,
        eor     r2, #5
        str     r2, [r3, #-4]
        ubfx    r2, r1, #3, #1                  @ and the batches with or without privilege
        mrs     r0, control
        bfi     r0, r2, #0, #1
        msr     control, r0
        dsb
        isb
        bl      patched
        vmov    s3, r0
        tst     r4, #1                          @ FAULTMASK lifts the MPU until the return
        beq     1f
        cpsid   f
        ldr     r3, =0x20002E00
        ldr     r2, [r3, #64]
        str     r2, [r3, #0x200]
1:      pop     {r4, pc}

        .thumb_func
patched:
        adds    r0, #1
        bx      lr

        .thumb_func
chained:
        push    {r4, lr}
        bl      patched
        ldr     r1, =COUNT
        ldr     r2, [r1, #4]
        add     r2, r0
        str     r2, [r1, #4]
        pop     {r4, pc}

        .thumb_func
fault:
        ldr     r0, =0xE000ED28
        ldr     r1, [r0]
        str     r1, [r0]
        ldr     r1, [r0, #4]
        str     r1, [r0, #4]
        ldr     r0, =RESUME
        ldr     r0, [r0]
        str     r0, [sp, #24]
        ldr     r0, [sp, #28]
        bic     r0, #0x06000000
        bic     r0, #0x0000FC00
        str     r0, [sp, #28]
        bx      lr
