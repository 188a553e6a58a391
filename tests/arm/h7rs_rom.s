@ The least system flash that starts a boot stage of the STM32H7R/7S: for tests of stages without the ROM around them.
@
@ .vectors at 0x1FF00000 (RSS), .text at 0x1FF16000 (LIBRARY), .table at 0x1FF1FD4C. The first stage is started at level 1 if
@ user flash holds one (at level 2 if BOOT0 is high), else the second at level 2 from AXI SRAM, behind an image header.
    .syntax unified
    .cpu cortex-m7
    .thumb

    .section .vectors, "ax"
    .word 0x20004000
    .word reset
    .global reset
    .thumb_func
reset:
    ldr r0, =first
    bx r0
    .ltorg

    .text
    .thumb_func
first:
    ldr r0, =0x08000000
    ldr r2, [r0]
    adds r2, #1
    bne 1f
    ldr r0, =0x24000400
    movs r3, #0x8A
    b 2f
1:  movs r3, #0x51
    ldr r2, =0x52002304     @ BOOT0 high: one level too many, for tests
    ldr r2, [r2]
    lsls r2, #31
    beq 2f
    movs r3, #0x8A
2:  movs r1, #16
    b enter

    .thumb_func
jump2:
    movs r3, #0x8A
    b enter

    .thumb_func
jump3:
    movs r3, #0x6F

@ r0: vectors, r1: region of the MPU to enable (16: none), r3: level.
enter:
    ldr r2, =0x58024554     @ clock of SBS
    ldr r4, [r2]
    orrs r4, #2
    str r4, [r2]
    ldr r2, =0x58000400
    movs r4, #0x6A
3:  ldrb r5, [r2, #0x14]
    cmp r5, r3
    beq 4f
    str r4, [r2, #0x10]
    b 3b
4:  cmp r1, #15
    bhi 5f
    ldr r2, =0xE000ED90
    str r1, [r2, #8]
    ldr r3, [r2, #0x10]
    orrs r3, #1
    str r3, [r2, #0x10]
5:  dsb
    isb
    ldr r2, =0xE000ED08
    str r0, [r2]
    ldr r1, [r0]
    ldr r2, [r0, #4]
    msr msp, r1
    movs r0, #0
    mov r1, r0
    mov r3, r0
    mov r4, r0
    mov r5, r0
    cpsie i
    bx r2
    .ltorg

    .section .table, "a"
    .word 0, 0, 0, 0, 0
    .word jump2
    .word jump3
    .word 0
