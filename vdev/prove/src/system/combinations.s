@@ monitor: BKPT with DEMCR.MON_EN is a DebugMonitor exception (C1.4)
        VECTOR  12, handler
        VECTOR  3, handler
        POKE    0xE000EDFC, 1 << 16
        movs    r4, #0
        bkpt    0x12
        PUT     r4
        b       done
        .thumb_func
handler:
        ldr     r0, [sp, #24]
        adds    r0, #2
        str     r0, [sp, #24]
        mrs     r4, ipsr
        bx      lr

@@ nmi-in-hardfault: NMI preempts HardFault
        VECTOR  3, hard
        VECTOR  2, nmi
        udf     #0
1:      b       done
        .thumb_func
hard:
        push    {r4, lr}
        PUTSPEC ipsr
        POKE    ICSR, 1 << 31
        PUTSPEC ipsr
        PUTMEM  HFSR
        ldr     r0, =1b
        str     r0, [sp, #8 + 24]
        pop     {r4, pc}
        .thumb_func
nmi:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  ICSR
        ldr     r0, [sp, #4]
        bl      put
        pop     {r4, pc}

@@ nested-faults: BusFault inside UsageFault inside an interrupt, by priority
        VECTOR  16, irq
        VECTOR  6, usage
        VECTOR  5, bus
        POKE    SHCSR, 0x70000
        POKE    SHPR1, 0x00402000
        POKE    IPR, 0x80
        POKE    ISER, 1
        POKE    ISPR, 1
        PUTMEM  SHCSR
        PUTSPEC msp
        b       done
        .thumb_func
irq:
        push    {r4, lr}
        PUTSPEC ipsr
        udf     #0
        PUTSPEC ipsr
        pop     {r4, pc}
        .thumb_func
usage:
        push    {r4, lr}
        PUTSPEC ipsr
        ldr     r4, =NOWHERE
        ldr     r4, [r4]
        nop
        PUTSPEC ipsr
        ldr     r0, [sp, #8 + 24]
        adds    r0, #2
        str     r0, [sp, #8 + 24]
        pop     {r4, pc}
        .thumb_func
bus:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  SHCSR
        PUTMEM  ICSR
        PUTSPEC msp
        ldr     r0, [sp, #8 + 24]
        adds    r0, #2
        str     r0, [sp, #8 + 24]
        pop     {r4, pc}

@@ fault-order: A BusFault handler of lower priority than the code that faults: HardFault
        VECTOR  16, irq
        POKE    SHCSR, 0x70000
        POKE    SHPR1, 0x00008000
        POKE    IPR, 0x40
        POKE    ISER, 1
        EXPECT  1f
        POKE    ISPR, 1
        b       done
        .thumb_func
irq:
        push    {r4, lr}
        ldr     r4, =NOWHERE
        ldr     r4, [r4]
1:      PUTSPEC ipsr
        PUTMEM  SHCSR
        pop     {r4, pc}

@@ subpriority: Of two pending in one group the lower subpriority value goes first, and does not preempt
        VECTOR  16, handler
        VECTOR  17, handler
        VECTOR  18, handler
        POKE    AIRCR, 0x05FA0500
        POKE    IPR, 0x00414243
        POKE    ISER, 7
        cpsid   i
        POKE    ISPR, 7
        cpsie   i
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        mrs     r0, ipsr
        cmp     r0, #17
        bne     1f
        POKE    ISPR, 4
        PUTMEM  ISPR
1:      pop     {r4, pc}

@@ priority-bytes: Priority registers are accessed by bytes and halfwords too
        POKEB   SHPR1 + 2, 0x80
        PUTMEM  SHPR1
        POKEB   SHPR2 + 3, 0x40
        PUTMEM  SHPR2
        ldr     r0, =SHPR3 + 2
        ldr     r1, =0x2010
        strh    r1, [r0]
        PUTMEM  SHPR3
        ldr     r0, =SHPR3 + 3
        ldrb    r0, [r0]
        bl      put
        b       done

@@ exclusive-exception: An exception's entry or return clears the monitor (A3.4.4)
        VECTOR  11, handler
        ldr     r4, =0x20040000
        ldrex   r5, [r4]
        strex   r6, r5, [r4]
        PUT     r6
        ldrex   r5, [r4]
        svc     0
        strex   r6, r5, [r4]
        PUT     r6
        ldrex   r5, [r4]
        clrex
        strex   r6, r5, [r4]
        PUT     r6
        strex   r6, r5, [r4]
        PUT     r6
        ldrexb  r5, [r4]
        strexb  r6, r5, [r4]
        PUT     r6
        ldrexh  r5, [r4]
        strexh  r6, r5, [r4]
        PUT     r6
        b       done
        .thumb_func
handler:
        bx      lr

@@ sevonpend: With SCR.SEVONPEND a disabled interrupt that becomes pending wakes WFE
        sev
        wfe
        POKE    SCR, 0x10
        POKE    ISPR, 1
        wfe
        PUTMEM  ISPR
        PUTMEM  SCR
        b       done

@@ it-false: An instruction that fails its condition makes no fault
        POKE    SHCSR, 0x70000
        movs    r4, #0
        cmp     r4, #1
        itttt   eq
        udfeq   #1
        ldreq   r5, [r4, #-1]
        vmoveq  s0, r4
        svceq   3
        mov     r5, #7
        PUT     r5
        ldr     r4, =NOWHERE
        cmp     r4, #0
        itt     eq
        ldreq   r5, [r4]
        strdeq  r5, r6, [r4, #4]
        PUT     r5
        b       done

@@ it-all: Every condition in an IT block against every state of the flags
        movs    r4, #0
1:      lsls    r5, r4, #28
        msr     apsr_nzcvq, r5
        movs    r6, #0
        msr     apsr_nzcvq, r5
        ite     eq
        addeq   r6, #1
        addne   r6, #2
        ite     cs
        addcs   r6, #4
        addcc   r6, #8
        ite     mi
        addmi   r6, #16
        addpl   r6, #32
        ite     vs
        addvs   r6, #64
        addvc   r6, #128
        ite     hi
        addhi   r6, #256
        addls   r6, #512
        ite     ge
        addge   r6, #1024
        addlt   r6, #2048
        ite     gt
        addgt   r6, #4096
        addle   r6, #8192
        PUT     r6
        adds    r4, #1
        cmp     r4, #16
        bne     1b
        b       done

@@ table-branch: TBB and TBH
        POKE    SHCSR, 0x70000
        movs    r4, #2
        tbb     [pc, r4]
        .byte   2, 3, 4, 5
        nop
        nop
        PUT     r4
        movs    r4, #1
        tbh     [pc, r4, lsl #1]
        .hword  2, 3
        nop
        movs    r4, #9
        PUT     r4
        EXPECT  1f
        ldr     r5, =NOWHERE
        tbb     [r5, r4]
1:      EXPECT  2f
        ldr     r5, =NOWHERE
        tbh     [r5, r4, lsl #1]
2:      b       done

@@ fp-stacking-fault: An FP frame that cannot be written, eager
        FPU_ON
        POKE    SHCSR, 0x70000
        POKE    FPCCR, 0x80000000
        VECTOR  5, bus
        ldr     r0, =NOWHERE + 0x100
        msr     psp, r0
        movs    r0, #2
        msr     control, r0
        isb
        vmov    s0, r0
        svc     0
        .thumb_func
bus:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTSPEC psp
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ fp-unstacking-fault: An FP frame whose second half cannot be read
        FPU_ON
        POKE    SHCSR, 0x70000
        POKE    FPCCR, 0x80000000
        VECTOR  11, svc
        VECTOR  5, bus
        vmov    s0, r0
        movs    r0, #2
        msr     control, r0
        isb
        vmov    s0, r0
        svc     0
        .thumb_func
svc:
        ldr     r0, =0x207FFFD8                 @ the basic part fits, the rest is beyond the memory
        mrs     r1, psp
        movs    r2, #8
1:      ldr     r3, [r1], #4
        str     r3, [r0], #4
        subs    r2, #1
        bne     1b
        ldr     r0, =0x207FFFD8
        msr     psp, r0
        bx      lr
        .thumb_func
bus:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTSPEC psp
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ fp-return-basic: A handler switches to a context without floating point and back
        FPU_ON
        VECTOR  11, handler
        ldr     r4, =0x3F800000
        vmov    s0, r4
        vmov    s20, r4
        ldr     r0, =PSP_TOP - 32               @ the other context's frame
        msr     psp, r0
        ldr     r1, =other + 1
        str     r1, [r0, #24]
        ldr     r1, =0x01000000
        str     r1, [r0, #28]
        svc     0
        vmov    r4, s0
        PUT     r4
        PUTSPEC control
        PUTMEM  FPCCR
        b       done
        .thumb_func
other:
        PUTSPEC control
        ldr     r4, =0x40000000
        vmov    s0, r4
        PUTSPEC control
        svc     1
        .thumb_func
handler:
        ldr     r1, =0x20030000
        tst     lr, #4
        bne     1f
        str     lr, [r1]
        vstmia  r1!, {s16-s31}                  @ also saves S0 to S15: lazy state
        mvn     lr, #2
        bx      lr
1:      ldr     r0, =0x20030100
        vstr    s0, [r0]
        ldr     r0, [r0]
        bl      put
        mov     lr, #-23                        @ 0xFFFFFFE9
        bx      lr

@@ mpu-ppb: A region over the system space changes nothing there
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0xE0000000, 0x10000027
        POKE    MPU_CTRL, 5
        PUTMEM  MPU_CTRL
        PUTMEM  SHCSR
        b       done

@@ mpu-whole: One region of 4 GB
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x0308003F
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040000
        str     r4, [r4]
        ldr     r5, [r4]
        PUT     r5
        EXPECT  1f
        ldr     r4, =NOWHERE
        ldr     r4, [r4]
1:      UNPRIVILEGED
        ldr     r4, =0x20040000
        ldr     r5, [r4]
        PUT     r5
        b       done

@@ mpu-fetch-user: Unprivileged code in a privileged-only region
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20041000, 0x01080017
        ldr     r4, =0x20041000
        ldr     r5, =0x4770BF00
        str     r5, [r4]
        dsb
        isb
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20041001
        blx     r4
        EXPECT  1f
        UNPRIVILEGED
        ldr     r4, =0x20041001
        blx     r4
1:      b       done

@@ mpu-off-again: Disabling the MPU takes effect at once
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20041000, 0x10080017
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20041000
        EXPECT  1f
        ldr     r5, [r4]
1:      POKE    MPU_CTRL, 0
        ldr     r5, [r4]
        PUT     r5
        POKE    MPU_CTRL, 1
        EXPECT  2f
        ldr     r5, [r4]
2:      POKE    MPU_RNR, 2
        POKE    MPU_RASR, 0
        ldr     r5, [r4]
        PUT     r5
        b       done

@@ self-modified: Code that was written runs as written after the barriers
        ldr     r4, =0x20040000
        ldr     r5, =0x47702001                 @ MOVS r0, #1; BX LR
        str     r5, [r4]
        dsb
        isb
        ldr     r6, =0x20040001
        blx     r6
        bl      put
        movs    r5, #2
        strb    r5, [r4]
        dsb
        isb
        blx     r6
        bl      put
        b       done

@@ reserved-vectors: Interrupts beyond those that exist are not there
        POKE    0xE000E104, 0xFFFFFFFF
        PUTMEM  0xE000E104
        POKE    0xE000E420, 0xFFFFFFFF
        PUTMEM  0xE000E420
        POKE    STIR, 100
        PUTMEM  0xE000E20C
        b       done

@@ mpu-faultmask-return: FAULTMASK lifts the MPU; the return that clears it puts the MPU back
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20041000, 0x10080017
        POKE    MPU_CTRL, 1
        VECTOR  11, handler
        ldr     r4, =0x20041000
        movs    r5, #5
        svc     0
        PUT     r5
        EXPECT  1f
        ldr     r5, [r4]
1:      b       done
        .thumb_func
handler:
        cpsid   f
        ldr     r5, [r4]
        bx      lr
