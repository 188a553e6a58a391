@@ svc: SVC and its frame (B1.5.6)
        VECTOR  11, handler
        movs    r4, #0
        ldr     r5, =0x12345678
        mov     r0, #10
        mov     r1, #11
        mov     r2, #12
        mov     r3, #13
        mov     r12, r5
        svc     7
        PUT     r4
        PUTSPEC ipsr
        b       done
        .thumb_func
handler:
        mov     r4, lr
        mov     r6, sp
        push    {r4, lr}
        PUTSPEC ipsr
        PUTSPEC msp
        ldr     r7, [r6]
        PUT     r7
        ldr     r7, [r6, #4]
        PUT     r7
        ldr     r7, [r6, #8]
        PUT     r7
        ldr     r7, [r6, #12]
        PUT     r7
        ldr     r7, [r6, #16]
        PUT     r7
        ldr     r7, [r6, #24]
        PUT     r7
        ldr     r7, [r6, #28]
        PUT     r7
        pop     {r4, pc}

@@ svc-result: A handler changes the R0 of its caller through the frame
        VECTOR  11, handler
        movs    r0, #1
        svc     1
        mov     r4, r0
        PUT     r4
        b       done
        .thumb_func
handler:
        ldr     r1, [sp, #24]
        ldrb    r1, [r1, #-2]
        adds    r1, #0x40
        str     r1, [sp]
        bx      lr

@@ alignment: The stack is aligned to 8 bytes on entry, xPSR bit 9 remembers (B1.5.7)
        VECTOR  11, handler
        svc     0
        sub     sp, #4
        svc     0
        PUT     sp
        sub     sp, #4
        svc     0
        PUT     sp
        POKE    CCR, 0x40000                    @ STKALIGN cleared: read back tells whether that is possible
        PUTMEM  CCR
        b       done
        .thumb_func
handler:
        mov     r4, sp
        ldr     r5, [sp, #28]
        push    {r4, lr}
        PUT     r4
        PUT     r5
        pop     {r4, pc}

@@ alignment-psp: Stacking on the process stack, unaligned by 4
        VECTOR  11, handler
        ldr     r0, =PSP_TOP - 4
        msr     psp, r0
        movs    r0, #2
        msr     control, r0
        isb
        PUT     sp
        svc     0
        PUT     sp
        PUTSPEC control
        PUTSPEC msp
        b       done
        .thumb_func
handler:
        mov     r4, lr
        mrs     r5, psp
        push    {r4, lr}
        PUT     r4
        PUT     r5
        PUTSPEC control
        pop     {r4, pc}

@@ pendsv: PendSV waits for PRIMASK
        VECTOR  14, handler
        movs    r4, #0
        cpsid   i
        POKE    ICSR, 1 << 28
        PUTMEM  ICSR
        PUT     r4
        cpsie   i
        PUT     r4
        PUTMEM  ICSR
        b       done
        .thumb_func
handler:
        movs    r4, #1
        bx      lr

@@ pendsv-clear: A pended PendSV is taken back
        VECTOR  14, handler
        movs    r4, #0
        cpsid   i
        POKE    ICSR, 1 << 28
        POKE    ICSR, 1 << 27
        PUTMEM  ICSR
        cpsie   i
        PUT     r4
        b       done
        .thumb_func
handler:
        movs    r4, #1
        bx      lr

@@ nmi: NMI is not masked, and nothing preempts it
        VECTOR  2, handler
        VECTOR  14, lower
        movs    r4, #0
        movs    r5, #0
        cpsid   i
        POKE    ICSR, 1 << 31
        PUT     r4
        PUT     r5
        cpsie   i
        PUT     r5
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        POKE    ICSR, 1 << 28
        PUTMEM  ICSR
        PUT     r5
        pop     {r4, lr}
        movs    r4, #1
        bx      lr
        .thumb_func
lower:
        movs    r5, #2
        bx      lr

@@ irq-order: Lowest priority value first, then lowest number (B1.5.4)
        VECTOR  16, handler
        VECTOR  17, handler
        VECTOR  18, handler
        VECTOR  19, handler
        POKE    IPR, 0x20402020
        POKE    ISER, 0xF
        cpsid   i
        POKE    ISPR, 0xF
        PUTMEM  ISPR
        PUTMEM  ICSR
        cpsie   i
        PUTMEM  ISPR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  ISPR
        PUTMEM  IABR
        mov     r4, lr
        PUT     r4
        PUTSPEC msp
        pop     {r4, pc}

@@ irq-preempt: A higher priority preempts, an equal one does not
        VECTOR  16, low
        VECTOR  17, high
        VECTOR  18, low
        POKE    IPR, 0x00804080
        POKE    ISER, 0x7
        POKE    ISPR, 0x1
        PUTMEM  IABR
        b       done
        .thumb_func
low:
        push    {r4, lr}
        PUTSPEC ipsr
        mrs     r0, ipsr
        cmp     r0, #16
        bne     1f
        POKE    ISPR, 0x6
1:      PUTMEM  IABR
        PUTMEM  ISPR
        PUTMEM  ICSR
        pop     {r4, pc}
        .thumb_func
high:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  IABR
        PUTMEM  ICSR
        mov     r0, lr
        ldr     r0, [sp, #4]
        bl      put
        pop     {r4, pc}

@@ irq-grouping: PRIGROUP cuts the priority into group and subpriority
        VECTOR  16, low
        VECTOR  17, high
        POKE    AIRCR, 0x05FA0700
        PUTMEM  AIRCR
        POKE    IPR, 0x00004080
        POKE    ISER, 0x3
        POKE    ISPR, 0x1
        POKE    AIRCR, 0x05FA0500
        POKE    ISPR, 0x1
        POKE    IPR, 0x00007F80
        POKE    AIRCR, 0x05FA0600
        POKE    ISPR, 0x1
        b       done
        .thumb_func
low:
        push    {r4, lr}
        PUTSPEC ipsr
        POKE    ISPR, 0x2
        PUTMEM  ICSR
        PUTSPEC ipsr
        pop     {r4, pc}
        .thumb_func
high:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  AIRCR
        pop     {r4, pc}

@@ aircr-key: AIRCR without its key is not written
        POKE    AIRCR, 0x00000300
        PUTMEM  AIRCR
        POKE    AIRCR, 0x05FA0300
        PUTMEM  AIRCR
        b       done

@@ basepri: BASEPRI masks its priority and below
        VECTOR  16, handler
        VECTOR  17, handler
        POKE    IPR, 0x00002040
        POKE    ISER, 0x3
        movs    r0, #0x40
        msr     basepri, r0
        POKE    ISPR, 0x1
        PUTMEM  ISPR
        POKE    ISPR, 0x2
        PUTMEM  ISPR
        movs    r0, #0x20
        msr     basepri_max, r0
        PUTSPEC basepri
        movs    r0, #0x60
        msr     basepri_max, r0
        PUTSPEC basepri
        movs    r0, #0
        msr     basepri_max, r0
        PUTSPEC basepri
        msr     basepri, r0
        isb
        PUTMEM  ISPR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTSPEC basepri
        pop     {r4, pc}

@@ basepri-group: BASEPRI is compared by group priority
        VECTOR  16, handler
        POKE    AIRCR, 0x05FA0600
        POKE    IPR, 0x00000050
        POKE    ISER, 0x1
        movs    r0, #0x7F
        msr     basepri, r0
        POKE    ISPR, 0x1
        PUTMEM  ISPR
        movs    r0, #0x80
        msr     basepri, r0
        isb
        PUTMEM  ISPR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}

@@ faultmask: FAULTMASK masks all but NMI and is cleared by a return from anything but NMI
        VECTOR  16, handler
        VECTOR  2, nmi
        POKE    ISER, 0x1
        cpsid   f
        PUTSPEC faultmask
        POKE    ISPR, 0x1
        PUTMEM  ISPR
        POKE    ICSR, 1 << 31
        PUTSPEC faultmask
        PUTMEM  ISPR
        cpsie   f
        PUTMEM  ISPR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        cpsid   f
        PUTSPEC faultmask
        pop     {r4, pc}
        .thumb_func
nmi:
        push    {r4, lr}
        PUTSPEC ipsr
        cpsie   f
        PUTSPEC faultmask
        pop     {r4, pc}

@@ faultmask-nmi: CPSID f has no effect at NMI's priority (B5.2.1)
        VECTOR  2, nmi
        POKE    ICSR, 1 << 31
        b       done
        .thumb_func
nmi:
        push    {r4, lr}
        cpsid   f
        PUTSPEC faultmask
        pop     {r4, pc}

@@ faultmask-return: A handler's FAULTMASK ends with the handler
        VECTOR  11, handler
        svc     0
        PUTSPEC faultmask
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        cpsid   f
        PUTSPEC faultmask
        pop     {r4, pc}

@@ primask-wfi: A pending interrupt ends WFI although PRIMASK holds it back
        VECTOR  16, handler
        POKE    ISER, 0x1
        cpsid   i
        POKE    ISPR, 0x1
        wfi
        PUTMEM  ISPR
        cpsie   i
        PUTMEM  ISPR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC primask
        pop     {r4, pc}

@@ wfe: SEV sets the event, WFE takes it; an exception's entry and return are events
        VECTOR  11, handler
        sev
        wfe
        movs    r4, #1
        PUT     r4
        svc     0
        wfe
        movs    r4, #2
        PUT     r4
        b       done
        .thumb_func
handler:
        bx      lr

@@ tail-chain: The second handler starts on the first one's frame
        VECTOR  16, handler
        VECTOR  17, handler
        POKE    ISER, 0x3
        cpsid   i
        POKE    ISPR, 0x3
        mov     r4, #44
        cpsie   i
        PUT     r4
        PUTSPEC msp
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTSPEC msp
        ldr     r0, [sp, #4]
        bl      put
        ldr     r0, [sp, #8 + 24]
        bl      put
        pop     {r4, pc}

@@ svc-in-handler: SVC from a handler of SVC's priority escalates to HardFault
        VECTOR  14, handler
        EXPECT  after
        POKE    SHPR3, 0
        POKE    ICSR, 1 << 28
        PUTSPEC ipsr
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        svc     5
after:  PUTSPEC ipsr
        pop     {r4, pc}

@@ svc-primask: SVC with PRIMASK set escalates to HardFault
        EXPECT  after
        cpsid   i
        svc     5
        nop
after:  PUTSPEC primask
        b       done

@@ svc-preempts: SVC from a handler of lower priority is taken
        VECTOR  14, handler
        VECTOR  11, svc
        POKE    SHPR3, 0x00800000
        POKE    ICSR, 1 << 28
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        svc     5
        PUTSPEC ipsr
        PUTMEM  SHCSR
        pop     {r4, pc}
        .thumb_func
svc:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  SHCSR
        ldr     r0, [sp, #4]
        bl      put
        pop     {r4, pc}

@@ stir: STIR pends, unprivileged only with CCR.USERSETMPEND
        VECTOR  19, handler
        EXPECT  refused
        POKE    SHCSR, 0x70000
        POKE    ISER, 0x8
        POKE    STIR, 3
        UNPRIVILEGED
        ldr     r0, =STIR
        movs    r1, #3
        str     r1, [r0]
        nop
refused:
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        POKE    CCR, 0x40202
        pop     {r4, pc}

@@ stir-user: With CCR.USERSETMPEND unprivileged code may pend
        VECTOR  19, handler
        POKE    ISER, 0x8
        POKE    CCR, 0x40202
        UNPRIVILEGED
        ldr     r0, =STIR
        movs    r1, #3
        str     r1, [r0]
        nop
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}

@@ vtor: A vector table elsewhere
        ldr     r4, =0x20004000
        movs    r5, #0
1:      ldr     r6, [r5]
        str     r6, [r4, r5]
        adds    r5, #4
        cmp     r5, #192
        bne     1b
        ldr     r0, =handler + 1
        str     r0, [r4, #44]
        POKE    VTOR, 0x20004000
        PUTMEM  VTOR
        svc     0
        POKE    VTOR, 0x2000407F
        PUTMEM  VTOR
        POKE    VTOR, 0xFFFFFFFF
        PUTMEM  VTOR
        POKE    VTOR, 0
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}

@@ nvic-registers: What the NVIC's registers read after writes
        POKE    ISER, 0xFFFFFFFF
        PUTMEM  ISER
        POKE    ICER, 0x0000FFFF
        PUTMEM  ISER
        PUTMEM  ICER
        cpsid   i
        POKE    ISPR, 0x00FF00FF
        PUTMEM  ISPR
        POKE    ICPR, 0x00F0000F
        PUTMEM  ISPR
        PUTMEM  ICPR
        PUTMEM  ICSR
        POKE    IPR, 0x12345678
        PUTMEM  IPR
        POKEB   IPR + 2, 0xFF
        PUTMEM  IPR
        ldr     r4, =IPR
        ldrb    r5, [r4, #2]
        PUT     r5
        ldrh    r5, [r4, #2]
        PUT     r5
        POKE    SHPR1, 0xFFFFFFFF
        PUTMEM  SHPR1
        POKE    SHPR2, 0xFFFFFFFF
        PUTMEM  SHPR2
        POKE    SHPR3, 0xFFFFFFFF
        PUTMEM  SHPR3
        PUTMEM  0xE000E004
        PUTMEM  IABR
        b       done

@@ irq-disabled: A disabled interrupt stays pending, enabling takes it
        VECTOR  16, handler
        POKE    ISPR, 0x1
        PUTMEM  ISPR
        POKE    ISER, 0x1
        PUTMEM  ISPR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}

@@ systick: SysTick counts, sets COUNTFLAG, pends
        VECTOR  15, handler
        movs    r4, #0
        POKE    0xE000E014, 9999                @ 0.4 ms of QEMU's real time: longer than the handler under any load
        POKE    0xE000E018, 0
        PUTMEM  0xE000E018
        PUTMEM  0xE000E010
        POKE    0xE000E010, 7
1:      cmp     r4, #3
        blo     1b
        b       done
        .thumb_func
handler:
        adds    r4, #1
        cmp     r4, #3                          @ a fourth may have been pending when the timer was stopped
        it      ne
        bxne    lr
        movs    r1, #0
        ldr     r0, =0xE000E010
        str     r1, [r0]
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}

@@ systick-pend: ICSR pends and clears SysTick
        VECTOR  15, handler
        cpsid   i
        POKE    ICSR, 1 << 26
        PUTMEM  ICSR
        POKE    ICSR, 1 << 25
        PUTMEM  ICSR
        POKE    ICSR, 1 << 26
        cpsie   i
        PUTMEM  ICSR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}

@@ sleep-on-exit: With SLEEPONEXIT the core sleeps after the handler until the next interrupt
        VECTOR  16, handler
        VECTOR  15, tick
        POKE    ISER, 0x1
        POKE    0xE000E014, 9999
        POKE    0xE000E018, 0
        POKE    0xE000E010, 7
        movs    r4, #0
        POKE    SCR, 2
        POKE    ISPR, 0x1
        PUT     r4
        PUTMEM  SCR
        b       done
        .thumb_func
handler:
        movs    r4, #1
        bx      lr
        .thumb_func
tick:
        movs    r1, #0
        ldr     r0, =SCR
        str     r1, [r0]
        ldr     r0, =0xE000E010
        str     r1, [r0]
        movs    r4, #2
        bx      lr

@@ it-interrupted: IT state travels through an exception
        VECTOR  11, handler
        movs    r4, #0
        cmp     r4, #0
        itttt   eq
        moveq   r5, #1
        svceq   0
        moveq   r6, #2
        moveq   r7, #3
        PUT     r5
        PUT     r6
        PUT     r7
        cmp     r4, #1
        itete   eq
        moveq   r5, #4
        svcne   0
        moveq   r6, #5
        movne   r7, #6
        PUT     r5
        PUT     r6
        PUT     r7
        b       done
        .thumb_func
handler:
        ldr     r8, [sp, #28]
        push    {r4, lr}
        PUT     r8
        cmp     r4, #77
        it      eq
        moveq   r5, #99
        pop     {r4, pc}

@@ it-fault: A fault in the middle of an IT block returns into it
        VECTOR  6, handler
        POKE    SHCSR, 0x70000
        movs    r4, #0
        cmp     r4, #0
        ittet   eq
        moveq   r5, #1
        udfeq   #1
        movne   r6, #2
        moveq   r7, #3
        PUT     r5
        PUT     r6
        PUT     r7
        b       done
        .thumb_func
handler:
        ldr     r8, [sp, #28]
        ldr     r9, [sp, #24]
        push    {r4, lr}
        PUT     r8
        PUTMEM  CFSR
        pop     {r4, lr}
        @ On to the next instruction, IT state advanced by hand: ITSTATE<4:0> shifts.
        add     r9, #2
        str     r9, [sp, #24]
        ldr     r8, [sp, #28]
        ubfx    r0, r8, #10, #6                 @ IT<7:2>
        ubfx    r1, r8, #25, #2
        orr     r0, r1, r0, lsl #2
        and     r1, r0, #0xE0
        lsl     r0, #1
        and     r0, #0x1F
        orr     r0, r1
        and     r1, r0, #3
        lsr     r0, #2
        bfi     r8, r0, #10, #6
        bfi     r8, r1, #25, #2
        str     r8, [sp, #28]
        bx      lr

@@ masked-by-reset: System registers after reset
        PUTMEM  ICSR
        PUTMEM  VTOR
        PUTMEM  AIRCR
        PUTMEM  SCR
        PUTMEM  CCR
        PUTMEM  SHCSR
        PUTMEM  CFSR
        PUTMEM  HFSR
        PUTMEM  CPACR
        PUTMEM  FPCCR
        PUTMEM  FPDSCR
        PUTMEM  MPU_CTRL
        PUTSPEC control
        PUTSPEC primask
        PUTSPEC basepri
        PUTSPEC faultmask
        PUTMEM  0xE000ED00
        b       done
