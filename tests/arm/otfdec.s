@ Secure user software for tests/otfdec.rs. The host chooses what it does by the word at COMMAND, and finds in RESULT what
@ came of it. RAM keeps both over the resets that services make.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .equ COMMAND,    0x24000000
    .equ ARGUMENT,   0x24000004    @ of command 1: address of the parameters; of command 2: mode; with bit 8: do not execute
    .equ RESULT,     0x24000010    @ four words
    .equ GET_STATUS, 0x1FF09504
    .equ OTFD_TABLE, 0x1FF09560
    .equ AHB3ENR,    0x580244D4
    .equ OCTOSPI1,   0x52005000
    .equ OTFDEC1,    0x5200B800
    .equ REGION,     0x5200B850    @ second region
    .equ CODE,       0x90000400

    .section .vectors, "ax"
    .word 0x24050000
    .word reset
    .rept 14
    .word fault
    .endr

    .text
    .thumb_func
    .global reset
reset:
    ldr r4, =COMMAND
    ldr r5, =RESULT
    ldr r0, [r4]
    movs r1, #0
    str r1, [r4]                   @ each command once
    cmp r0, #1
    beq service
    cmp r0, #2
    beq decrypt
    cmp r0, #3
    bne stay
    ldr r1, =GET_STATUS
    ldr r1, [r1]
    blx r1
    str r0, [r5]
stay:
    wfi
    b stay

    @ resetAndEncrypt; comes back only when it is refused.
service:
    ldr r1, =OTFD_TABLE
    ldr r1, [r1]
    ldr r0, [r4, #4]
    blx r1
    str r0, [r5]
    b stay

    @ Sets up OCTOSPI1 and the second region of OTFDEC1; executes what is at CODE and reads it.
decrypt:
    ldr r0, =AHB3ENR
    ldr r1, =(1 << 22) | (1 << 14)
    str r1, [r0]
    ldr r1, [r0]
    ldr r0, =OCTOSPI1
    ldr r1, =23 << 16
    str r1, [r0, #0x008]
    ldr r1, =(1 << 24) | (2 << 12) | (1 << 8) | 1
    str r1, [r0, #0x100]
    movs r1, #8
    str r1, [r0, #0x108]
    movs r1, #0x0B
    str r1, [r0, #0x110]
    ldr r1, =(3 << 28) | 1
    str r1, [r0]

    ldr r0, =REGION
    ldr r6, [r4, #4]
    and r2, r6, #3
    lsls r2, r2, #4
    str r2, [r0]                   @ MODE, then the key
    ldr r1, =0xEDCBA987
    ldr r3, =0x6543210F
    str r1, [r0, #0x14]
    str r3, [r0, #0x18]
    str r1, [r0, #0x1C]
    str r3, [r0, #0x20]
    ldr r1, =0xA5A5A5A5
    str r1, [r0, #0x0C]
    ldr r1, =0xC3C3C3C3
    str r1, [r0, #0x10]
    ldr r7, =CODE
    str r7, [r0, #0x04]
    str r7, [r0, #0x08]
    ldr r1, =0xABCD0001
    orrs r1, r1, r2
    str r1, [r0]                   @ VERSION and REG_EN

    ldr r0, [r7]                   @ as data
    str r0, [r5, #4]
    ldr r1, =OTFDEC1
    ldr r0, [r1, #0x300]           @ ISR
    str r0, [r5, #8]
    str r0, [r1, #0x304]
    lsls r2, r6, #23
    bmi stay
    movs r0, #1                    @ as code: r0 + r1 + 15
    movs r1, #2
    orr r7, r7, #1
    blx r7
    str r0, [r5]
    ldr r1, =OTFDEC1
    ldr r0, [r1, #0x300]
    str r0, [r5, #12]
    b stay

    .thumb_func
fault:
    ldr r5, =RESULT
    ldr r0, =0xFA17FA17
    str r0, [r5]
    b stay

    .ltorg
