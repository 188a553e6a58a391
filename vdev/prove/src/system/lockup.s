@@ lockup-udf: A fault in HardFault's handler locks up (B1.5.15)
        VECTOR  3, hard
        udf     #0
        .thumb_func
hard:
        udf     #1

@@ lockup-stack: A HardFault whose frame cannot be written, then a fault: lockup
        VECTOR  3, hard
        ldr     r0, =NOWHERE + 0x100
        msr     msp, r0
        udf     #0
        .thumb_func
hard:
        udf     #1

@@ lockup-vector: HardFault's vector cannot be read
        POKE    VTOR, NOWHERE
        udf     #0

@@ lockup-faultmask: A fault with FAULTMASK set
        cpsid   f
        udf     #0

@@ lockup-nmi: A fault in NMI's handler
        VECTOR  2, nmi
        POKE    ICSR, 1 << 31
        b       done
        .thumb_func
nmi:
        udf     #0
