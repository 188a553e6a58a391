//! h73x-flash sections 2, 3, 11 and 14: reset values, keys, locks.

mod common;

use common::{Bench, FLASH};
use ironroot_chip::flash::registers::*;
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_cpu::bus::{Bus, BusFault, Size};

#[test]
fn s2_reset_values() {
    let mut bench = Bench::with(|_| {});
    let expected = [
        (ACR, 0x37),
        (KEYR, 0),
        (OPTKEYR, 0),
        (CR, 0x31),
        (SR, 0),
        (CCR, 0),
        (OPTCR, 1),
        (OPTSR_CUR, 0x179E_AAF0),
        (OPTSR_PRG, 0x179E_AAF0),
        (OPTCCR, 0),
        (PRAR_CUR, 0xFF),
        (SCAR_CUR, 0x8000_00FF),
        (SCAR_PRG, 0x8000_00FF),
        (WPSN_CUR, 0xFF),
        (BOOT_CUR, 0x1FF0_0800),
        (BOOT_PRG, 0x1FF0_0800),
        (ECC_FA, 0),
        (OPTSR2_CUR, 0),
        (OPTSR2_PRG, 0),
    ];
    for (offset, value) in expected {
        assert_eq!(bench.reg(offset), value, "register at 0x{offset:03X}");
    }
    assert!(bench.chip.take_warnings().is_empty());
}

#[test]
fn s2_a_register_of_dual_core_parts_warns() {
    /// BOOT4: there is no second core here.
    const BOOT4_CUR: u32 = 0x048;
    let mut bench = Bench::with(|_| {});
    bench.pc = 0x0800_1234;
    assert_eq!(bench.reg(BOOT4_CUR), 0);
    assert_eq!(bench.reg(BOOT4_CUR), 0);
    let warnings = bench.chip.take_warnings();
    assert_eq!(warnings.len(), 1, "once");
    let text = warnings[0].to_string();
    assert!(text.contains("0x52002048") && text.contains("FLASH") && text.contains("0x08001234"), "{text}");
}

#[test]
fn s3_two_keys_open_cr1_and_lock_closes_it() {
    let mut bench = Bench::with(|_| {});
    bench.set_reg(CR, cr::PG);
    assert_eq!(bench.reg(CR), 0x31, "a write to a locked CR1 is ignored");
    bench.unlock();
    assert_eq!(bench.reg(CR), 0x30);
    bench.set_reg(CR, cr::PG | 0x20);
    assert_eq!(bench.reg(CR), cr::PG | 0x20);
    bench.set_reg(CR, cr::LOCK);
    assert_eq!(bench.reg(CR), cr::LOCK | cr::PG | 0x20, "other bits of that write are not modified");
    bench.unlock();
    assert_eq!(bench.reg(CR) & cr::LOCK, 0);
}

fn dead(bench: &mut Bench) {
    assert_eq!(bench.reg(CR) & cr::LOCK, cr::LOCK);
    assert_eq!(bench.try_write(FLASH_REGISTERS + KEYR, KEY1, Size::Word), Err(BusFault));
    assert_eq!(bench.reg(CR) & cr::LOCK, cr::LOCK);
    bench.reset();
    bench.unlock();
    assert_eq!(bench.reg(CR) & cr::LOCK, 0, "a system reset revives it");
}

#[test]
fn s3_a_wrong_key_locks_until_reset_with_a_bus_error() {
    let mut bench = Bench::with(|_| {});
    assert_eq!(bench.try_write(FLASH_REGISTERS + KEYR, KEY2, Size::Word), Err(BusFault));
    dead(&mut bench);
}

#[test]
fn s3_a_wrong_second_key_locks_until_reset() {
    let mut bench = Bench::with(|_| {});
    bench.set_reg(KEYR, KEY1);
    assert_eq!(bench.try_write(FLASH_REGISTERS + KEYR, KEY1, Size::Word), Err(BusFault));
    dead(&mut bench);
}

#[test]
fn s3_a_third_key_write_locks_until_reset() {
    let mut bench = Bench::with(|_| {});
    bench.unlock();
    assert_eq!(bench.try_write(FLASH_REGISTERS + KEYR, KEY1, Size::Word), Err(BusFault));
    dead(&mut bench);
}

#[test]
fn s3_a_narrow_key_write_locks_until_reset() {
    let mut bench = Bench::with(|_| {});
    assert_eq!(bench.try_write(FLASH_REGISTERS + KEYR, KEY1 & 0xFFFF, Size::Half), Err(BusFault));
    dead(&mut bench);
}

#[test]
fn s3_another_bank_register_between_the_keys_locks_until_reset() {
    for offset in [SR, CR, PRAR_CUR, ECC_FA] {
        let mut bench = Bench::with(|_| {});
        bench.set_reg(KEYR, KEY1);
        assert_eq!(bench.try_read(FLASH_REGISTERS + offset, Size::Word), Err(BusFault));
        dead(&mut bench);
    }
    let mut bench = Bench::with(|_| {});
    bench.set_reg(KEYR, KEY1);
    assert_eq!(bench.reg(ACR), 0x37, "ACR is no register of the bank");
    bench.set_reg(KEYR, KEY2);
    assert_eq!(bench.reg(CR) & cr::LOCK, 0);
}

#[test]
fn s3_option_registers_have_keys_of_their_own() {
    let mut bench = Bench::with(|_| {});
    bench.set_reg(WPSN_PRG, 0);
    assert_eq!(bench.reg(WPSN_PRG), 0xFF, "read-only while OPTLOCK is set");
    bench.set_reg(OPTCR, optcr::OPTSTART);
    assert_eq!(bench.reg(OPTCR), 1, "writes to a locked OPTCR are ignored");
    bench.unlock_options();
    assert_eq!(bench.reg(OPTCR), 0);
    bench.set_reg(WPSN_PRG, 0x0F);
    assert_eq!((bench.reg(WPSN_PRG), bench.reg(WPSN_CUR)), (0x0F, 0xFF));
    bench.set_reg(OPTCR, optcr::OPTLOCK);
    bench.set_reg(WPSN_PRG, 0);
    assert_eq!(bench.reg(WPSN_PRG), 0x0F);
    assert_eq!(bench.try_write(FLASH_REGISTERS + OPTKEYR, 1, Size::Word), Err(BusFault));
    assert_eq!(bench.try_write(FLASH_REGISTERS + OPTKEYR, OPTKEY1, Size::Word), Err(BusFault));
    bench.reset();
    assert_eq!(bench.reg(WPSN_PRG), 0xFF, "staged values are lost at a reset");
    bench.unlock_options();
    assert_eq!(bench.reg(OPTCR), 0);
}

#[test]
fn s11_latency_reads_back() {
    let mut bench = Bench::with(|_| {});
    bench.set_reg(ACR, 0x13);
    assert_eq!(bench.reg(ACR), 0x13);
}

#[test]
fn s6_a_flag_with_its_enable_raises_the_interrupt_line() {
    let mut bench = Bench::with(|_| {});
    bench.unlock();
    bench.set_reg(CR, sr::PGSERR);
    assert_eq!(bench.chip.irq_lines()[0] >> 4 & 1, 0);
    bench.write(FLASH, 0);
    assert_eq!(bench.chip.irq_lines()[0] >> 4 & 1, 1);
    bench.set_reg(CCR, sr::PGSERR);
    assert_eq!((bench.flags(), bench.chip.irq_lines()[0]), (0, 0));
}
