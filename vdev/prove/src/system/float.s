@@ lazy: An FP context reserves its frame, the registers are written when the handler uses the FPU (B1.5.7)
        FPU_ON
        PUTMEM  FPCCR
        VECTOR  11, handler
        ldr     r4, =0x3F800000
        vmov    s0, r4
        vmov    s15, r4
        vmov    s16, r4
        PUTSPEC control
        svc     0
        PUTSPEC control
        vmov    r4, s0
        PUT     r4
        PUTMEM  FPCCR
        b       done
        .thumb_func
handler:
        mov     r5, lr
        mov     r6, sp
        push    {r4, lr}
        PUT     r5
        PUT     r6
        PUTSPEC control
        PUTMEM  FPCCR
        PUTMEM  FPCAR
        ldr     r7, [r6, #32]
        PUT     r7
        ldr     r7, =0x40000000
        vmov    s0, r7
        PUTMEM  FPCCR
        PUTSPEC control
        ldr     r7, [r6, #32]
        PUT     r7
        ldr     r7, [r6, #92]
        PUT     r7
        ldr     r7, [r6, #96]
        PUT     r7
        pop     {r4, pc}

@@ lazy-unused: A handler without FP leaves the registers alone
        FPU_ON
        VECTOR  11, handler
        ldr     r4, =0x3F800000
        vmov    s0, r4
        svc     0
        vmov    r4, s0
        PUT     r4
        PUTMEM  FPCCR
        b       done
        .thumb_func
handler:
        bx      lr

@@ eager: With LSPEN clear the registers are written at once
        FPU_ON
        POKE    FPCCR, 0x80000000
        VECTOR  11, handler
        ldr     r4, =0x3F800000
        vmov    s0, r4
        vmsr    fpscr, r4
        svc     0
        vmov    r4, s0
        PUT     r4
        vmrs    r4, fpscr
        PUT     r4
        b       done
        .thumb_func
handler:
        mov     r6, sp
        push    {r4, lr}
        PUT     r6
        PUTMEM  FPCCR
        PUTMEM  FPCAR
        ldr     r7, [r6, #32]
        PUT     r7
        ldr     r7, [r6, #96]
        PUT     r7
        movs    r4, #0
        vmov    s0, r4
        vmsr    fpscr, r4
        pop     {r4, pc}

@@ fp-off: With ASPEN clear there is no FP frame
        FPU_ON
        POKE    FPCCR, 0
        VECTOR  11, handler
        ldr     r4, =0x3F800000
        vmov    s0, r4
        PUTSPEC control
        svc     0
        vmov    r4, s0
        PUT     r4
        b       done
        .thumb_func
handler:
        mov     r5, lr
        push    {r4, lr}
        PUT     r5
        PUTSPEC control
        movs    r4, #0
        vmov    s0, r4
        pop     {r4, pc}

@@ fpdscr: A new FP context starts with FPDSCR's modes
        FPU_ON
        POKE    FPDSCR, 0xFFFFFFFF
        PUTMEM  FPDSCR
        VECTOR  11, handler
        movs    r4, #0
        vmsr    fpscr, r4
        vmrs    r4, fpscr
        PUT     r4
        svc     0
        vmrs    r4, fpscr
        PUT     r4
        movs    r4, #0
        msr     control, r4
        isb
        vmrs    r4, fpscr
        PUT     r4
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        vmrs    r4, fpscr
        PUT     r4
        pop     {r4, pc}

@@ fp-nested: Two FP contexts and a third handler
        FPU_ON
        VECTOR  11, outer
        VECTOR  16, inner
        POKE    SHPR2, 0x80000000
        POKE    ISER, 1
        ldr     r4, =0x11111111
        vmov    s1, r4
        svc     0
        vmov    r4, s1
        PUT     r4
        PUTMEM  FPCCR
        b       done
        .thumb_func
outer:
        push    {r4, lr}
        ldr     r4, =0x22222222
        vmov    s1, r4
        POKE    ISPR, 1
        vmov    r4, s1
        PUT     r4
        PUTMEM  FPCCR
        pop     {r4, pc}
        .thumb_func
inner:
        push    {r4, lr}
        ldr     r0, [sp, #4]
        bl      put
        PUTMEM  FPCCR
        PUTMEM  FPCAR
        ldr     r4, =0x33333333
        vmov    s1, r4
        PUTMEM  FPCCR
        pop     {r4, pc}

@@ fp-chain: Lazy state through a tail-chained handler
        FPU_ON
        VECTOR  16, first
        VECTOR  17, second
        POKE    ISER, 3
        ldr     r4, =0x11111111
        vmov    s1, r4
        cpsid   i
        POKE    ISPR, 3
        cpsie   i
        vmov    r4, s1
        PUT     r4
        b       done
        .thumb_func
first:
        push    {r4, lr}
        PUTMEM  FPCCR
        pop     {r4, pc}
        .thumb_func
second:
        push    {r4, lr}
        PUTMEM  FPCCR
        ldr     r4, =0x33333333
        vmov    s1, r4
        PUTMEM  FPCCR
        PUTSPEC control
        pop     {r4, pc}

@@ fp-clear: CONTROL.FPCA cleared by software drops the context
        FPU_ON
        VECTOR  11, handler
        ldr     r4, =0x3F800000
        vmov    s0, r4
        PUTSPEC control
        movs    r4, #0
        msr     control, r4
        isb
        PUTSPEC control
        svc     0
        vmov    r4, s0
        PUT     r4
        b       done
        .thumb_func
handler:
        mov     r5, lr
        push    {r4, lr}
        PUT     r5
        pop     {r4, pc}

@@ fp-user: Lazy state of unprivileged code
        FPU_ON
        VECTOR  11, handler
        UNPRIVILEGED
        ldr     r4, =0x3F800000
        vmov    s0, r4
        PUTSPEC control
        svc     0
        PUTSPEC control
        vmov    r4, s0
        PUT     r4
        b       done
        .thumb_func
handler:
        mov     r5, lr
        push    {r4, lr}
        PUT     r5
        PUTMEM  FPCCR
        PUTMEM  FPCAR
        ldr     r4, =0x40000000
        vmov    s0, r4
        PUTMEM  FPCCR
        pop     {r4, pc}

@@ lazy-fault: Lazy stacking to where it cannot be written: LSPERR
        FPU_ON
        POKE    SHCSR, 0x70000
        VECTOR  11, handler
        VECTOR  5, bus
        ldr     r4, =0x3F800000
        vmov    s0, r4
        POKE    SHPR2, 0x80000000
        svc     0
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        POKE    FPCAR, NOWHERE
        ldr     r4, =0x40000000
again:  vmov    s1, r4
        PUTMEM  FPCCR
        vmov    r4, s1
        PUT     r4
        b       done
        .thumb_func
bus:
        push    {r4, lr}
        ldr     r0, [sp, #4]
        bl      put
        PUTMEM  CFSR
        PUTMEM  BFAR
        PUTMEM  FPCCR
        PUTMEM  SHCSR
        ldr     r0, [sp, #8 + 24]
        ldr     r1, =again
        subs    r0, r1
        bl      put
        POKE    FPCAR, 0x20040000
        PUTSPEC control
        pop     {r4, pc}

@@ lazy-fault-low: The BusFault of lazy stacking cannot preempt: it waits, the instruction completes
        FPU_ON
        POKE    SHCSR, 0x70000
        VECTOR  11, handler
        VECTOR  5, bus
        ldr     r4, =0x3F800000
        vmov    s0, r4
        POKE    SHPR1, 0x00008000
        svc     0
        PUTMEM  SHCSR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        POKE    FPCAR, NOWHERE
        ldr     r4, =0x40000000
        vmov    s1, r4
        PUTMEM  FPCCR
        PUTMEM  SHCSR
        PUTMEM  CFSR
        PUTMEM  HFSR
        vmov    r4, s1
        PUT     r4
        pop     {r4, pc}
        .thumb_func
bus:
        push    {r4, lr}
        ldr     r0, [sp, #4]
        bl      put
        PUTMEM  CFSR
        PUTMEM  SHCSR
        pop     {r4, pc}

@@ fp-registers: FP system registers read and write
        FPU_ON
        POKE    FPCAR, 0xFFFFFFFF
        PUTMEM  FPCAR
        POKE    FPDSCR, 0xFFFFFFFF
        PUTMEM  FPDSCR
        ldr     r4, =0xFFFFFFFF
        vmsr    fpscr, r4
        vmrs    r4, fpscr
        PUT     r4
        vmrs    APSR_nzcv, fpscr
        PUTSPEC apsr
        PUTMEM  0xE000EF40
        PUTMEM  0xE000EF44
        PUTMEM  0xE000EF48
        b       done
