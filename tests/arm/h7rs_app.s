@ An application that STiRoT starts: leaves its level and a mark, which the test fills in behind the first two vectors, in AHB SRAM2,
@ which is open to every application.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .equ HDPLSR, 0x58000414
    .equ RESULT, 0x30005000

    .section .vectors, "ax"
table:
    .word 0x30007000
    .word reset
    .word 0

    .text
    .global reset
    .thumb_func
reset:
    ldr r6, =RESULT
    ldr r5, =HDPLSR
    ldr r0, [r5]
    str r0, [r6, #4]
    adr r7, here
    ldr r7, [r7]
    ldr r0, [r7, #8]
    str r0, [r6]
1:  wfi
    b 1b
    .align 2
here:
    .word table
    .ltorg
