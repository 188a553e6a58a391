@ Calls one service of RSSLIB, as a program of the product would: for tests of the services.
@
@ Vector table at .vectors; behind it the offset of the service in the table (all ones: none) and four arguments, which the test
@ fills in. The answer and the level then go to DTCM, and the core sleeps.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .equ TABLE,  0x1FF1FD4C
    .equ HDPLSR, 0x58000414
    .equ RESULT, 0x20008000

    .section .vectors, "ax"
table:
    .word 0x2000C000
    .word reset
    .word 0xFFFFFFFF, 0, 0, 0, 0

    .text
    .global reset
    .thumb_func
reset:
    ldr r6, =RESULT
    movs r0, #0
    str r0, [r6]
    ldr r5, =HDPLSR
    ldr r0, [r5]
    str r0, [r6, #4]
    adr r7, here
    ldr r7, [r7]
    ldr r4, [r7, #8]
    adds r0, r4, #1
    beq 1f
    ldr r0, [r7, #12]
    ldr r1, [r7, #16]
    ldr r2, [r7, #20]
    ldr r3, [r7, #24]
    ldr r5, =TABLE
    ldr r4, [r5, r4]
    blx r4
    str r0, [r6]
1:  wfi
    b 1b
    .align 2
here:
    .word table
    .ltorg
