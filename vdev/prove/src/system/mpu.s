@@ mpu-off: With the MPU off the default map holds
        PUTMEM  MPU_CTRL
        ldr     r4, =0x20040000
        str     r4, [r4]
        ldr     r5, [r4]
        PUT     r5
        b       done

@@ mpu-registers: What the MPU's registers read after writes
        POKE    MPU_RNR, 3
        POKE    MPU_RBAR, 0x20001000
        POKE    MPU_RASR, 0x1F3FFF3F
        PUTMEM  MPU_RBAR
        PUTMEM  MPU_RASR
        POKE    MPU_RBAR, 0x20002015            @ VALID, region 5
        PUTMEM  MPU_RNR
        PUTMEM  MPU_RBAR
        PUTMEM  MPU_RASR
        POKE    MPU_RASR + 8, 0x12345678        @ RASR_A1
        PUTMEM  MPU_RASR
        POKE    MPU_CTRL, 0xFFFFFFFC
        PUTMEM  MPU_CTRL
        b       done

@@ mpu-grid: Every access permission, privileged and not, read and write (B3.5.8)
        POKE    SHCSR, 0x70000
        VECTOR  4, refused
        REGION  0, 0x00000000, 0x03000027       @ 1 MB of code: full access
        REGION  1, 0x20000000, 0x13000029       @ 2 MB of data: full access
        ldr     r4, =0x20040000
        ldr     r5, =0xAAAA0000
        str     r5, [r4]
        movs    r6, #0                          @ AP
        VECTOR  11, next
        POKE    MPU_CTRL, 5
again:
        svc     0
        ldr     r5, [r4]
        nop
        mov     r7, r5
        str     r6, [r4]
        nop
        mov     r0, #1
        msr     control, r0
        isb
        ldr     r5, [r4]
        nop
        str     r6, [r4]
        nop
        svc     1
        adds    r6, #1
        cmp     r6, #8
        bne     again
        PUTSPEC control
        b       done
        .thumb_func
next:
        push    {r4, lr}
        ldr     r0, =MPU_RNR
        movs    r1, #2
        str     r1, [r0]
        ldr     r1, =0x20040000
        str     r1, [r0, #4]
        ldr     r1, =0x10000009                 @ 32 bytes
        orr     r1, r1, r6, lsl #24
        str     r1, [r0, #8]
        dsb
        isb
        movs    r0, #0
        msr     control, r0
        isb
        PUT     r6
        PUT     r5
        pop     {r4, pc}
        .thumb_func
refused:
        push    {r4, lr}
        PUTMEM  CFSR
        PUTMEM  MMFAR
        POKE    CFSR, 0xFFFFFFFF
        ldr     r0, [sp, #8 + 24]
        adds    r0, #2
        str     r0, [sp, #8 + 24]
        ldr     r5, =0xDEAD0000
        pop     {r4, pc}

@@ mpu-background: Without PRIVDEFENA what no region covers is refused
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03000027
        POKE    MPU_CTRL, 1
        EXPECT  1f
        ldr     r4, =0x20110000
        ldr     r5, [r4]
        b       2f
1:      ldr     r4, =0x20200000
        EXPECT  2f
        ldr     r5, [r4]
2:      ldr     r4, =MPU_CTRL                   @ the system space needs no region
        movs    r5, #5
        str     r5, [r4]
        ldr     r4, =0x20200000
        ldr     r5, [r4]
        EXPECT  3f
        UNPRIVILEGED
        ldr     r5, [r4]
3:      b       done

@@ mpu-subregions: A switched-off subregion falls to the region below, or to the background
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x00005A0F       @ 256 bytes, no access, subregions 1, 3, 4, 6 off
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040000
        movs    r6, #0
        VECTOR  4, refused
1:      movs    r5, #1
        POKE    MPU_RASR, 0x00005A0F            @ QEMU 7.2 keeps the answer of one subregion for its page until a write
        ldr     r5, [r4, r6]
        PUT     r6
        PUT     r5
        adds    r6, #32
        cmp     r6, #288
        bne     1b
        b       done
        .thumb_func
refused:
        ldr     r0, [sp, #24]
        adds    r0, #2
        str     r0, [sp, #24]
        push    {r4, lr}
        PUTMEM  MMFAR
        PUTMEM  CFSR
        POKE    CFSR, 0xFFFFFFFF
        movs    r5, #99
        pop     {r4, pc}

@@ mpu-overlap: The highest region that covers an address decides
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x06000009
        REGION  3, 0x20040000, 0x03000009
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040000
        str     r4, [r4]
        POKE    MPU_RNR, 3
        POKE    MPU_RASR, 0
        EXPECT  1f
        str     r4, [r4]
1:      ldr     r5, [r4]
        PUT     r5
        b       done

@@ mpu-xn: Execute-never
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x13000009
        ldr     r4, =0x20040000
        ldr     r5, =0x4770BF00
        str     r5, [r4]
        str     r5, [r4, #32]
        dsb
        isb
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040021
        blx     r4
        EXPECT  1f
        ldr     r4, =0x20040001
        blx     r4
1:      EXPECT  2f
        ldr     r4, =0x2004001D                 @ into the region's last word, running on past its end
        blx     r4
2:      b       done

@@ mpu-xn-run: Code that runs on from an executable into a forbidden region
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20041000, 0x13000017       @ 4 KB: QEMU's checks of fetches are not finer
        ldr     r4, =0x20040FF0
        ldr     r5, =0xBF00BF00
        str     r5, [r4], #4
        str     r5, [r4], #4
        str     r5, [r4], #4
        str     r5, [r4], #4
        ldr     r6, =0x4770BF00
        str     r6, [r4]
        dsb
        isb
        POKE    MPU_CTRL, 1
        EXPECT  1f
        ldr     r4, =0x20040FF1
        blx     r4
1:      ldr     r4, =0x20040FFC
        ldr     r5, =0xF000BF00                 @ a 32-bit instruction across the border
        str     r5, [r4]
        dsb
        isb
        EXPECT  2f
        ldr     r4, =0x20040FFD
        blx     r4
2:      b       done

@@ mpu-stack: A frame that the MPU refuses: MSTKERR
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x10000009
        VECTOR  4, refused
        POKE    MPU_CTRL, 1
        ldr     r0, =0x20040030
        msr     psp, r0
        movs    r0, #2
        msr     control, r0
        isb
        svc     0
        b       done
        .thumb_func
refused:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        PUTSPEC psp
        b       done

@@ mpu-unstack: A frame that the MPU refuses to read: MUNSTKERR
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x10000009
        VECTOR  4, refused
        VECTOR  11, svc
        POKE    MPU_CTRL, 1
        movs    r0, #2
        msr     control, r0
        isb
        svc     0
        b       done
        .thumb_func
svc:
        ldr     r0, =0x20040010
        msr     psp, r0
        bx      lr
        .thumb_func
refused:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  SHCSR
        PUTSPEC psp
        ldr     r0, [sp, #4]
        bl      put
        b       done

@@ mpu-hardfault: HFNMIENA: the MPU holds in HardFault's handler only if asked for
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x10000009
        VECTOR  3, hard
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040000
        EXPECT  1f
        cpsid   f
        ldr     r5, [r4]
        PUT     r5
        cpsie   f
        ldr     r5, [r4]
1:      b       done
        .thumb_func
hard:
        push    {r4, lr}
        PUTMEM  CFSR
        PUTMEM  HFSR
        PUTMEM  MMFAR
        ldr     r4, =0x20040000
        ldr     r5, [r4]
        PUT     r5
        b       done

@@ mpu-unaligned: An unaligned access across a border: the bytes beyond are refused
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20041000, 0x10080017       @ 4 KB: QEMU looks at one more page only
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040FFE
        mov     r5, #7
        EXPECT  1f
        ldr     r5, [r4]
1:      PUT     r5
        b       done

@@ mpu-multiple: A load-multiple across a border leaves base and registers as they were, or as far as it came
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040020, 0x10000009
        POKE    MPU_CTRL, 1
        ldr     r4, =0x20040018
        EXPECT  1f
        ldmia   r4!, {r5, r6, r7, r8}
1:      PUT     r4
        EXPECT  2f
        stmia   r4!, {r5, r6, r7, r8}
2:      PUT     r4
        ldr     r4, =0x2004004C
        EXPECT  3f
        ldmdb   r4!, {r5, r6, r7, r8}
3:      PUT     r4
        b       done

@@ mpu-ldrt: LDRT and STRT in privileged code are checked as unprivileged
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x11000009
        POKE    MPU_CTRL, 5
        ldr     r4, =0x20040000
        str     r4, [r4]
        EXPECT  1f
        ldrt    r5, [r4]
1:      EXPECT  2f
        strbt   r5, [r4, #4]
2:      ldr     r5, [r4]
        PUT     r5
        b       done

@@ mpu-device: A region of Device memory refuses unaligned accesses
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x13010017       @ B: shared device
        POKE    MPU_CTRL, 5
        VECTOR  6, handler
        movs    r7, #0
        ldr     r4, =0x20040001
        EXPECT  1f
        ldr     r5, [r4]
1:      PUT     r7
        ldr     r4, =0x20042001
        ldr     r5, [r4]
        b       done
        .thumb_func
handler:
        ldr     r0, =CFSR
        ldr     r7, [r0]
        ldr     r0, =RESUME
        ldr     r0, [r0]
        str     r0, [sp, #24]
        bx      lr

@@ mpu-lazy: Lazy FP stacking into a region that refuses: MLSPERR
        FPU_ON
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x20040000, 0x10000009
        VECTOR  4, refused
        VECTOR  11, svc
        POKE    SHPR2, 0x80000000
        POKE    MPU_CTRL, 1
        vmov    s0, r4
        svc     0
        b       done
        .thumb_func
svc:
        push    {r4, lr}
        POKE    FPCAR, 0x20040000
        vmov    s1, r4
        PUTMEM  FPCCR
        b       done
        .thumb_func
refused:
        push    {r4, lr}
        PUTSPEC ipsr
        PUTMEM  CFSR
        PUTMEM  FPCCR
        POKE    FPCAR, 0x20050000
        pop     {r4, pc}

@@ mpu-vectors: Vectors are read whatever the MPU says
        POKE    SHCSR, 0x70000
        REGION  0, 0x00000000, 0x03000027
        REGION  1, 0x20000000, 0x03080029
        REGION  2, 0x00000000, 0x1000000D       @ 128 bytes of vectors: no access
        VECTOR  11, handler
        POKE    MPU_CTRL, 5
        svc     0
        b       done
        .thumb_func
handler:
        push    {r4, lr}
        PUTSPEC ipsr
        pop     {r4, pc}
