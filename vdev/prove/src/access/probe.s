@ The probe: waits for a command in RAM, does it on the core, and says what came of it. The host writes commands, as the
@ person at a bench would choose what to try next; every access is the core's own.
@
@ Independent of where it lies: a vector table of 16 words (made by the host, see probe.rs) comes right before `entry`.
@
@ Mailbox, words at 0x24000000:
@   0 command (0: done, idle)   1 address   2 value   3 second value, or a count   4 result   5 fault: 0, or CFSR | 1 << 31
@   6 how far a search came     7 base of the probe that answers                    8..15 r4..r11 of a call
    .syntax unified
    .cpu cortex-m7
    .thumb

entry:                              @ reset, or a jump from another copy
    adr   r1, entry
    subs  r1, #64
    ldr   r0, =0xE000ED08           @ VTOR: faults come to this copy from now on
    str   r1, [r0]
    ldr   r4, mailbox
    str   r1, [r4, #28]
resume:
    ldr   r0, stack
    mov   sp, r0
    ldr   r4, mailbox
    movs  r0, #0
    str   r0, [r4]
poll:
    ldr   r0, [r4]
    cmp   r0, #0
    beq   poll
    ldr   r1, [r4, #4]
    ldr   r2, [r4, #8]
    ldr   r3, [r4, #12]
    movs  r5, #0
    str   r5, [r4, #16]
    str   r5, [r4, #20]
    cmp   r0, #9
    bhi   resume
    tbb   [pc, r0]
table:
    .byte (resume_near - table) / 2
    .byte (read8 - table) / 2
    .byte (read16 - table) / 2
    .byte (read32 - table) / 2
    .byte (write8 - table) / 2
    .byte (write16 - table) / 2
    .byte (write32 - table) / 2
    .byte (write64 - table) / 2
    .byte (call - table) / 2
    .byte (search - table) / 2
read8:
    ldrb  r0, [r1]
    b     answer
read16:
    ldrh  r0, [r1]
    b     answer
read32:
    ldr   r0, [r1]
answer:
    dsb
    str   r0, [r4, #16]
resume_near:
    b     resume
write8:
    strb  r2, [r1]
    b     written
write16:
    strh  r2, [r1]
    b     written
write64:
    strd  r2, r3, [r1]
    b     written
write32:
    str   r2, [r1]
written:
    dsb
    b     resume
call:
    mov   r12, r1
    mov   r0, r2
    mov   r1, r3
    adds  r4, #32
    ldmia r4, {r4-r11}
    blx   r12
    ldr   r4, mailbox
    b     answer
search:                             @ counts the words that equal the value
    movs  r0, #0
next:
    cmp   r3, #0
    beq   answer
    ldr   r5, [r1], #4
    subs  r3, #1
    cmp   r5, r2
    it    eq
    addeq r0, #1
    str   r0, [r4, #16]
    str   r1, [r4, #24]
    b     next

fault:                              @ of any kind: note it, forget what was being done
    ldr   r4, mailbox
    ldr   r0, =0xE000ED28           @ CFSR, and HFSR behind it
    ldr   r1, [r0]
    str   r1, [r0]
    orr   r1, #0x80000000
    str   r1, [r4, #20]
    ldr   r1, [r0, #4]
    str   r1, [r0, #4]
    ldr   r0, stack                 @ a frame of our own: the stacked one may be anywhere
    subs  r0, #32
    mov   sp, r0
    adr   r1, resume
    str   r1, [r0, #24]
    mov   r1, #0x01000000
    str   r1, [r0, #28]
    mvn   lr, #6                    @ to thread mode, main stack, no floating point frame
    bx    lr

    .balign 4
mailbox: .word 0x24000000
stack:   .word 0x24001000
    .pool
    .balign 4
    .global fault_offset
    .set fault_offset, fault - entry
