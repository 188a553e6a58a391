@ Application behind firmware/apps/secure-init: runs what is in the external flash, then tries to get at it.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .equ RESULT,  0x24000010
    .equ CODE,    0x90000400
    .equ OTFDEC1, 0x5200B800
    .equ REGION,  0x5200B850       @ second region

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
    ldr r4, =RESULT
    ldr r5, =CODE
    ldr r6, =OTFDEC1
    ldr r7, =REGION
    bl execute
    str r0, [r4]                   @ 0: it runs
    ldr r0, [r5]
    str r0, [r4, #4]               @ 1: it does not read
    bl flags
    str r0, [r4, #8]               @ 2: and that is noticed
    movs r0, #1
    str r0, [r7, #0x14]
    bl flags
    str r0, [r4, #12]              @ 3: another key
    ldr r0, [r7]
    orr r0, r0, #0x20
    str r0, [r7]
    bl flags
    str r0, [r4, #16]              @ 4: another mode
    ldr r0, [r5]
    str r0, [r4, #20]              @ 5: still does not read
    ldr r0, [r7, #0x14]
    str r0, [r4, #24]              @ 6: the key register
    bl flags
    bl execute
    str r0, [r4, #28]              @ 7: still runs
    ldr r0, =0x08000004
    ldr r0, [r0]
    str r0, [r4, #32]              @ 8: the secure area
    ldr r0, =0x08018000
    ldr r0, [r0]
    str r0, [r4, #36]              @ 9: what the area gave back
stay:
    wfi
    b stay

    .thumb_func
execute:
    movs r0, #1
    movs r1, #2
    orr r2, r5, #1
    bx r2                          @ returns to our caller: r0 + r1 + 15

    .thumb_func
flags:
    ldr r0, [r6, #0x300]
    str r0, [r6, #0x304]
    bx lr

    .thumb_func
fault:
    ldr r0, =0xFA17FA17
    str r0, [r4]
    b stay

    .ltorg
