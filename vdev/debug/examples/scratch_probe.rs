use std::net::TcpListener;
use ironroot_chip::{Board, RomImage, Stm32h735};
use ironroot_cpu::machine::Machine;
use ironroot_debug::swj::{Probe, serve_tcp_once};
struct W;
impl ironroot_debug::gdb::Watcher<Stm32h735> for W {
    fn refused(&mut self, r: &ironroot_debug::port::Refusal) { eprintln!("REFUSED {r}"); }
}
fn main() {
    let rom = RomImage::from_segments(std::iter::empty::<(u32, Vec<u8>)>()).unwrap();
    let mut board = Board::with_serial(8);
    if std::env::args().nth(1).as_deref() == Some("count") {
    let mut program = vec![0xFF; 0x420];
    program[..8].copy_from_slice(&[0x00, 0x00, 0x02, 0x20, 0x01, 0x04, 0x00, 0x08]);
    program[0x400..0x40C].copy_from_slice(&[0x00, 0x20, 0x4F, 0xF0, 0x00, 0x51, 0x01, 0x30, 0x08, 0x60, 0xFC, 0xE7]);
    assert!(board.preload(0x0800_0000, &program));
    }
    let listener = TcpListener::bind("127.0.0.1:3335").unwrap();
    let mut probe = Probe::new(Machine::new(Stm32h735::from_board(&board, &rom)));
    for _ in 0..std::env::args().nth(2).map_or(1, |n| n.parse().unwrap()) {
    serve_tcp_once(&listener, &mut probe, &mut W).unwrap();
    eprintln!("GONE {:?}", probe.target.machine.core.bus.options());
    }
}
