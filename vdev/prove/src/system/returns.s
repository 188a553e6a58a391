@@ return-bad: EXC_RETURN values that do not exist (B1.5.8)
        POKE    SHCSR, 0x70000
        VECTOR  11, handler
        VECTOR  6, usage
        ldr     r4, =0xFFFFFFE0
        svc     0
1:      PUTSPEC msp
        PUTMEM  SHCSR
        ldr     r4, =0xFFFFFFF5
        svc     0
2:      b       done
        .thumb_func
handler:
        mov     lr, r4
        bx      lr
        .thumb_func
usage:
        mov     r5, lr
        PUT     r5
        PUTSPEC ipsr
        PUTSPEC msp
        PUTMEM  CFSR
        PUTMEM  SHCSR
        POKE    CFSR, 0xFFFFFFFF
        ldr     r0, =0xFFFFFFF9
        bx      r0

@@ return-nested: A return to Thread mode with another exception active
        POKE    SHCSR, 0x70000
        POKE    SHPR1, 0x00000000
        POKE    SHPR2, 0x40000000
        POKE    SHPR3, 0x00800000
        VECTOR  14, low
        VECTOR  11, high
        EXPECT  1f
        POKE    ICSR, 1 << 28
1:      PUTSPEC ipsr
        PUTMEM  SHCSR
        b       done
        .thumb_func
low:
        svc     0
        nop
        b       done
        .thumb_func
high:
        ldr     lr, =0xFFFFFFF9
        bx      lr

@@ return-nonbase: CCR.NONBASETHRDENA allows it
        POKE    SHCSR, 0x70000
        POKE    SHPR3, 0x00800000
        POKE    CCR, 0x40201
        PUTMEM  CCR
        VECTOR  14, low
        VECTOR  11, high
        EXPECT  1f
        POKE    ICSR, 1 << 28
        b       done
        .thumb_func
low:
        svc     0
1:      PUTSPEC ipsr
        PUTMEM  SHCSR
        b       done
        .thumb_func
high:
        ldr     r0, [sp, #28]
        bfc     r0, #0, #9
        str     r0, [sp, #28]
        ldr     lr, =0xFFFFFFF9
        bx      lr

@@ return-handler: A return to Handler mode with nothing else active
        POKE    SHCSR, 0x70000
        VECTOR  11, handler
        EXPECT  1f
        svc     0
1:      PUTSPEC ipsr
        PUTMEM  SHCSR
        b       done
        .thumb_func
handler:
        ldr     lr, =0xFFFFFFF1
        bx      lr

@@ return-inactive: A return from an exception that is not active any more
        POKE    SHCSR, 0x70000
        VECTOR  11, handler
        EXPECT  1f
        svc     0
1:      PUTSPEC ipsr
        PUTMEM  SHCSR
        b       done
        .thumb_func
handler:
        POKE    SHCSR, 0x70000                  @ clears SVCALLACT
        PUTSPEC ipsr
        PUTMEM  SHCSR
        ldr     r0, =0xFFFFFFF9
        bx      r0

@@ return-mode: A frame whose exception number does not fit the mode
        POKE    SHCSR, 0x70000
        VECTOR  11, handler
        VECTOR  6, usage
        svc     0
        PUTSPEC ipsr
        PUTMEM  SHCSR
        b       done
        .thumb_func
handler:
        ldr     r0, [sp, #28]
        orr     r0, #5
        str     r0, [sp, #28]
        bx      lr
        .thumb_func
usage:
        push    {r4, lr}
        PUTMEM  CFSR
        ldr     r0, [sp, #4]
        bl      put
        PUTSPEC msp
        ldr     r0, [sp, #8 + 24]
        bl      put
        ldr     r0, [sp, #8 + 28]
        bl      put
        ldr     r0, [sp, #8 + 28]
        bfc     r0, #0, #9
        str     r0, [sp, #8 + 28]
        pop     {r4, pc}

@@ return-mode-handler: A frame with exception number 0 for a return to Handler mode
        POKE    SHCSR, 0x70000
        POKE    SHPR2, 0x40000000
        POKE    SHPR3, 0x00800000
        VECTOR  14, low
        VECTOR  11, high
        VECTOR  6, usage
        POKE    ICSR, 1 << 28
        PUTSPEC ipsr
        PUTMEM  SHCSR
        b       done
        .thumb_func
low:
        push    {r4, lr}
        svc     0
        PUTSPEC ipsr
        pop     {r4, pc}
        .thumb_func
high:
        ldr     r0, [sp, #28]
        bfc     r0, #0, #9
        str     r0, [sp, #28]
        bx      lr
        .thumb_func
usage:
        push    {r4, lr}
        PUTMEM  CFSR
        ldr     r0, [sp, #4]
        bl      put
        PUTSPEC msp
        ldr     r0, [sp, #8 + 24]
        bl      put
        ldr     r0, [sp, #8 + 28]
        bl      put
        PUTMEM  SHCSR
        ldr     r0, [sp, #8 + 28]
        orr     r0, #14
        str     r0, [sp, #8 + 28]
        ldr     lr, =0xFFFFFFF1
        pop     {r4, r5}
        bx      lr

@@ return-pop: Returns by POP and LDR
        VECTOR  11, handler
        svc     0
        mov     r4, #1
        PUT     r4
        svc     1
        mov     r4, #2
        PUT     r4
        svc     2
        PUT     r4
        b       done
        .thumb_func
handler:
        ldr     r1, [sp, #24]
        ldrb    r1, [r1, #-2]
        cbz     r1, 1f
        cmp     r1, #1
        beq     2f
        push    {r4, lr}
        ldmia   sp!, {r4, pc}
1:      push    {lr}
        pop     {pc}
2:      push    {lr}
        ldr     pc, [sp], #4

@@ return-thread: EXC_RETURN values in Thread mode are addresses
        POKE    SHCSR, 0x70000
        EXPECT  1f
        ldr     r0, =0xFFFFFFF9
        bx      r0
1:      PUTSPEC ipsr
        b       done

@@ return-psp: From the main to the process stack and back
        VECTOR  11, handler
        ldr     r0, =PSP_TOP
        msr     psp, r0
        svc     0
        PUT     sp
        PUTSPEC control
        svc     1
        PUT     sp
        PUTSPEC control
        b       done
        .thumb_func
handler:
        tst     lr, #4
        bne     1f
        pop     {r4-r11}
        mrs     r0, psp
        stmdb   r0!, {r4-r11}
        msr     psp, r0
        orr     lr, #4
        bx      lr
1:      mrs     r0, psp
        ldmia   r0!, {r4-r11}
        msr     psp, r0
        push    {r4-r11}
        bic     lr, #4
        bx      lr

@@ return-unprivileged: Privilege is CONTROL's in Thread mode, whatever a handler sets
        VECTOR  11, handler
        POKE    SHCSR, 0x70000
        EXPECT  1f
        svc     0
        PUTSPEC control
        ldr     r4, =CFSR
        ldr     r5, [r4]
1:      PUTSPEC control
        b       done
        .thumb_func
handler:
        movs    r0, #1
        msr     control, r0
        isb
        ldr     r4, =CFSR
        ldr     r5, [r4]
        bx      lr

@@ control-handler: SPSEL is not written in Handler mode
        VECTOR  11, handler
        svc     0
        PUTSPEC control
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        movs    r0, #2
        msr     control, r0
        isb
        PUTSPEC control
        PUT     sp
        pop     {r4, pc}

@@ unprivileged: What special registers unprivileged code reads and writes
        UNPRIVILEGED
        PUTSPEC control
        PUTSPEC msp
        PUTSPEC psp
        PUTSPEC primask
        PUTSPEC ipsr
        movs    r4, #1
        msr     primask, r4
        msr     basepri, r4
        msr     faultmask, r4
        cpsid   i
        cpsid   f
        movs    r4, #0
        msr     control, r4
        isb
        PUTSPEC control
        PUTSPEC primask
        PUTSPEC basepri
        svc     0
        b       done

@@ special-registers: All special registers read and write
        ldr     r4, =0xFFFFFFFF
        msr     psp, r4
        PUTSPEC psp
        msr     apsr_nzcvqg, r4
        PUTSPEC apsr
        movs    r5, #0
        msr     apsr_g, r5
        PUTSPEC apsr
        msr     apsr_nzcvq, r5
        PUTSPEC apsr
        PUTSPEC xpsr
        PUTSPEC iapsr
        PUTSPEC epsr
        PUTSPEC iepsr
        msr     primask, r4
        PUTSPEC primask
        msr     faultmask, r4
        PUTSPEC faultmask
        cpsie   f
        msr     primask, r5
        movs    r4, #0xFF
        msr     basepri, r4
        PUTSPEC basepri
        b       done
