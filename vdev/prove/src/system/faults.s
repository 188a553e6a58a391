@@ undefined: UDF and an undefined encoding, 16 and 32 bits (B1.5.14)
        POKE    SHCSR, 0x70000
        EXPECT  1f
        udf     #3
1:      EXPECT  2f
        udf.w   #3
2:      EXPECT  3f
        .hword  0xB6E0                          @ CPS space, undefined here
3:      EXPECT  4f
        .hword  0xFAFF, 0xFFFF
4:      b       done

@@ undefined-hard: Without SHCSR it is a HardFault (FORCED)
        EXPECT  1f
        udf     #3
1:      b       done

@@ undefined-masked: With PRIMASK set a UsageFault escalates
        POKE    SHCSR, 0x70000
        EXPECT  1f
        cpsid   i
        udf     #3
1:      PUTSPEC primask
        b       done

@@ undefined-priority: At or above UsageFault's priority it escalates
        VECTOR  16, handler
        POKE    SHCSR, 0x70000
        POKE    SHPR1, 0x00800000
        POKE    IPR, 0x40
        POKE    ISER, 1
        EXPECT  1f
        POKE    ISPR, 1
        PUTSPEC ipsr
        POKE    IPR, 0x81
        EXPECT  2f
        POKE    ISPR, 1
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        ldr     r0, =IPR
        ldr     r0, [r0]
        bl      put
        udf     #1
1:
2:      PUTSPEC ipsr
        PUTMEM  SHCSR
        pop     {r4, pc}

@@ divide: Division by zero gives zero, or a fault if asked for
        POKE    SHCSR, 0x70000
        movs    r4, #0
        mov     r5, #100
        udiv    r6, r5, r4
        PUT     r6
        sdiv    r6, r5, r4
        PUT     r6
        POKE    CCR, 0x40210
        EXPECT  1f
        udiv    r6, r5, r4
1:      EXPECT  2f
        sdiv    r6, r5, r4
2:      PUT     r6
        b       done

@@ unaligned: Unaligned words pass, or fault if asked for; doubles and multiples always fault
        POKE    SHCSR, 0x70000
        ldr     r4, =0x20040000
        ldr     r5, =0x11223344
        str     r5, [r4, #4]
        str     r5, [r4, #1]
        ldr     r6, [r4, #3]
        PUT     r6
        ldrh    r6, [r4, #3]
        PUT     r6
        EXPECT  1f
        ldrd    r6, r7, [r4, #4]
        add     r4, #2
        ldrd    r6, r7, [r4]
1:      EXPECT  2f
        ldm     r4, {r6, r7}
2:      EXPECT  3f
        stm     r4!, {r6, r7}
3:      PUT     r4
        EXPECT  4f
        ldrex   r6, [r4]
4:      EXPECT  5f
        push    {r4}
        sub     r8, sp, #2
        strd    r6, r7, [r8]
5:      POKE    CCR, 0x40208
        EXPECT  6f
        ldr     r6, [r4]
6:      EXPECT  7f
        strh    r6, [r4, #1]
7:      strh    r6, [r4]
        PUT     r6
        b       done

@@ unaligned-strex: An unaligned store-exclusive faults with or without a reservation (B2.3.7)
        POKE    SHCSR, 0x70000
        VECTOR  6, handler
        movs    r7, #0
        ldr     r4, =0x20040002
        EXPECT  1f
        strex   r5, r6, [r4]
1:      PUT     r7
        b       done
        .thumb_func
handler:
        ldr     r0, =CFSR
        ldr     r7, [r0]
        ldr     r0, =RESUME
        ldr     r0, [r0]
        str     r0, [sp, #24]
        bx      lr

@@ unaligned-device: Device memory refuses unaligned accesses (A3.2.1)
        POKE    SHCSR, 0x70000
        VECTOR  6, handler
        movs    r7, #0
        ldr     r4, =0x40004008
        EXPECT  1f
        ldr     r6, [r4, #1]
1:      PUT     r7
        b       done
        .thumb_func
handler:
        ldr     r0, =CFSR
        ldr     r7, [r0]
        ldr     r0, =RESUME
        ldr     r0, [r0]
        str     r0, [sp, #24]
        bx      lr

@@ unaligned-fp: VLDR and VLDM require alignment
        POKE    SHCSR, 0x70000
        FPU_ON
        POKE    FPCCR, 0
        ldr     r4, =0x20040002
        EXPECT  1f
        vldr    s0, [r4]
1:      EXPECT  2f
        vldr    d0, [r4, #4]
2:      EXPECT  3f
        vldmia  r4!, {s0-s3}
3:      PUT     r4
        EXPECT  4f
        vstr    s0, [r4]
4:      nop
        b       done

@@ unaligned-end: An unaligned access that runs out of the memory: the address of the byte that failed
        POKE    SHCSR, 0x70000
        ldr     r4, =0x607FFFFE
        add     r4, #0x800000
        EXPECT  1f
        ldr     r6, [r4]
1:      b       done

@@ invstate: A jump to an even address (B1.5.14)
        POKE    SHCSR, 0x70000
        EXPECT  1f
        ldr     r4, =0x1000
        bx      r4
1:      EXPECT  2f
        ldr     r4, =0x1000
        blx     r4
2:      EXPECT  3f
        ldr     r4, =0x1000
        push    {r4}
        pop     {pc}
3:      EXPECT  4f
        adr     r4, 5f
        ldr     pc, [r4]
4:      b       done
        .align  2
5:      .word   0x1000

@@ invstate-vector: A vector without its Thumb bit
        POKE    SHCSR, 0x70000
        POKE    44, 0x1000
        EXPECT  1f
        svc     0
1:      PUTSPEC ipsr
        b       done

@@ invstate-epsr: xPSR.T cleared in a frame
        VECTOR  11, handler
        POKE    SHCSR, 0x70000
        EXPECT  1f
        svc     0
1:      b       done
        .thumb_func
handler:
        ldr     r0, [sp, #28]
        bic     r0, #0x01000000
        str     r0, [sp, #28]
        bx      lr

@@ nocp: Coprocessors that are off or do not exist
        POKE    SHCSR, 0x70000
        EXPECT  1f
        vmov    s0, r0
1:      EXPECT  2f
        mrc     p15, 0, r0, c0, c0, 0
2:      EXPECT  3f
        mcr     p14, 0, r0, c0, c0, 0
3:      EXPECT  4f
        cdp     p3, 1, c0, c1, c2, 3
4:      EXPECT  5f
        vldr    d0, [sp]
5:      FPU_ON
        vmov    s0, r0
        PUTSPEC control
        b       done

@@ nocp-user: CPACR 1 means privileged only
        POKE    SHCSR, 0x70000
        POKE    CPACR, 0x00500000
        vmov    s0, r0
        POKE    CPACR, 0x00A00000
        PUTMEM  CPACR
        POKE    CPACR, 0x00500000
        EXPECT  1f
        UNPRIVILEGED
        vmov    s1, r0
1:      b       done

@@ bus-data: Precise bus errors of loads and stores
        POKE    SHCSR, 0x70000
        ldr     r4, =NOWHERE
        mov     r5, #5
        EXPECT  1f
        ldr     r5, [r4]
1:      PUT     r5
        EXPECT  2f
        str     r5, [r4, #8]
2:      EXPECT  3f
        ldrb    r5, [r4, #3]
3:      EXPECT  4f
        ldrh    r5, [r4, #6]!
4:      PUT     r4
        EXPECT  5f
        ldm     r4!, {r5, r6}
5:      PUT     r4
        EXPECT  6f
        ldrd    r5, r6, [r4], #8
6:      PUT     r4
        EXPECT  7f
        ldr     r4, [r4]
7:      PUT     r4
        b       done

@@ bus-data-hard: A bus error without SHCSR is a HardFault, BFAR is valid all the same
        ldr     r4, =NOWHERE
        EXPECT  1f
        ldr     r5, [r4]
1:      b       done

@@ bus-fetch: A jump to where nothing is
        POKE    SHCSR, 0x70000
        EXPECT  1f
        ldr     r4, =0x70000001
        bx      r4
1:      b       done

@@ bus-ignored: BFHFNMIGN: bus errors of HardFault's handler are ignored
        VECTOR  3, handler
        POKE    CCR, 0x40300
        udf     #0
1:      PUTMEM  CFSR
        PUTMEM  BFAR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        ldr     r4, =NOWHERE
        mov     r5, #5
        ldr     r5, [r4]
        str     r5, [r4]
        PUTMEM  CFSR
        PUTMEM  BFAR
        ldr     r0, =1b
        str     r0, [sp, #8 + 24]
        pop     {r4, pc}

@@ xn-device: Device regions of the default map are execute-never
        POKE    SHCSR, 0x70000
        EXPECT  1f
        ldr     r4, =0x40004001
        bx      r4
1:      EXPECT  2f
        ldr     r4, =0xE000E001
        bx      r4
2:      EXPECT  3f
        ldr     r4, =0xF0000001
        bx      r4
3:      b       done

@@ ppb-user: The system space is closed to unprivileged code
        POKE    SHCSR, 0x70000
        EXPECT  1f
        UNPRIVILEGED
        ldr     r4, =CFSR
        ldr     r5, [r4]
1:      b       done

@@ ppb-user-t: LDRT and STRT access without privilege
        POKE    SHCSR, 0x70000
        EXPECT  1f
        ldr     r4, =CFSR
        ldrt    r5, [r4]
1:      EXPECT  2f
        strt    r5, [r4]
2:      b       done

@@ bkpt: BKPT without a debugger is a HardFault (DEBUGEVT)
        EXPECT  1f
        bkpt    0x12
1:      PUTMEM  DFSR
        b       done

@@ stacking: A stack that cannot be written to: STKERR
        POKE    SHCSR, 0x70000
        ldr     r0, =NOWHERE + 0x100
        msr     psp, r0
        VECTOR  11, svc
        VECTOR  5, bus
        movs    r0, #2
        msr     control, r0
        isb
        svc     0
        .thumb_func
svc:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        b       done
        .thumb_func
bus:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        PUTSPEC psp
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ stacking-late: The derived BusFault has a lower priority: SVC runs first
        POKE    SHCSR, 0x70000
        POKE    SHPR1, 0x00008000
        ldr     r0, =NOWHERE + 0x100
        msr     psp, r0
        VECTOR  11, svc
        VECTOR  5, bus
        movs    r0, #2
        msr     control, r0
        isb
        svc     0
        .thumb_func
svc:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        pop     {r4, pc}
        .thumb_func
bus:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ stacking-hard: Without SHCSR the derived fault is a HardFault
        ldr     r0, =NOWHERE + 0x100
        msr     psp, r0
        VECTOR  3, hard
        movs    r0, #2
        msr     control, r0
        isb
        svc     0
        .thumb_func
hard:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  HFSR
        PUTMEM  SHCSR
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ unstacking: A frame that cannot be read: UNSTKERR
        POKE    SHCSR, 0x70000
        VECTOR  11, svc
        VECTOR  5, bus
        movs    r0, #2
        msr     control, r0
        isb
        svc     0
        .thumb_func
svc:
        ldr     r0, =NOWHERE + 0x100
        msr     psp, r0
        bx      lr
        .thumb_func
bus:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        PUTSPEC psp
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ vector-error: A vector that cannot be read is a HardFault (VECTTBL)
        POKE    SHCSR, 0x70000
        ldr     r4, =0x203FFF80
        ldr     r0, =hard + 1
        str     r0, [r4, #12]
        ldr     r0, =0x20040000
        str     r0, [r4]
        POKE    VTOR, 0x207FFF80
        POKE    ISER, 0x80000000
        POKE    ISPR, 0x80000000
        b       done
        .thumb_func
hard:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  HFSR
        PUTMEM  CFSR
        PUTMEM  IABR
        PUTMEM  ISPR
        PUTMEM  SHCSR
        b       done

@@ escalation: A fault of a fault handler of its own kind
        POKE    SHCSR, 0x70000
        VECTOR  6, usage
        EXPECT  1f
        udf     #0
        .thumb_func
usage:
        push    {r4, lr}
        PUTSPEC ipsr
        udf     #1
1:      PUTSPEC ipsr
        PUTMEM  SHCSR
        PUTMEM  HFSR
        b       done

@@ shcsr-write: Pending a fault by SHCSR
        VECTOR  6, handler
        POKE    SHCSR, 0x70000
        POKE    SHCSR, 0x71000
        PUTMEM  SHCSR
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        pop     {r4, pc}

@@ cfsr-clear: CFSR, HFSR are cleared by ones, byte-wise too
        POKE    SHCSR, 0x70000
        VECTOR  6, handler
        udf     #0
1:      PUTMEM  CFSR
        POKE    CFSR, 0x00020000
        PUTMEM  CFSR
        ldr     r0, =CFSR + 2
        movs    r1, #1
        strb    r1, [r0]
        PUTMEM  CFSR
        b       done
        .thumb_func
handler:
        ldr     r0, =1b
        str     r0, [sp, #24]
        bx      lr

@@ mmfar-bfar: Both can be written, and keep their values
        POKE    MMFAR, 0x12345678
        POKE    BFAR, 0x9ABCDEF0
        PUTMEM  MMFAR
        PUTMEM  BFAR
        b       done
