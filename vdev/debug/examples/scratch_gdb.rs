//! scratch
use ironroot_chip::*;
use ironroot_cpu::machine::Machine;
use ironroot_debug::gdb::*;
struct W;
impl Watcher<Stm32h735> for W {
    fn refused(&mut self, r: &ironroot_debug::port::Refusal) { eprintln!("[server] {r}"); }
}
fn main() {
    let closed = std::env::args().nth(1).is_some_and(|a| a == "closed");
    let mut b = Board::with_serial(1);
    if closed { b.options_mut().optsr |= 1 << 21; }
    let rom = RomImage::from_segments(Vec::<(u32, Vec<u8>)>::new()).unwrap();
    let m = Machine::new(Stm32h735::from_board(&b, &rom));
    let l = std::net::TcpListener::bind("127.0.0.1:3399").unwrap();
    serve(&l, Session::new(m), &mut W).unwrap();
}
