@ An iLoader that copies nothing and never ends. The first word behind its vectors: an answer to leave before (all ones: none);
@ the second: 0 to loop, else to sleep.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .equ RSSCMDR, 0x58000434

    .section .vectors, "ax"
table:
    .word 0x2000F000
    .word reset
    .word 0xFFFFFFFF
    .word 0

    .text
    .global reset
    .thumb_func
reset:
    adr r7, here
    ldr r7, [r7]
    ldr r0, [r7, #8]
    adds r1, r0, #1
    beq 1f
    ldr r2, =RSSCMDR
    str r0, [r2]
1:  ldr r0, [r7, #12]
    cpsid i
    cbz r0, 3f
2:  wfi
    b 2b
3:  b 3b
    .align 2
here:
    .word table
    .ltorg
