//! Profiles: instructions per function and per call stack, as a table and as a flame graph.

use std::collections::HashMap;
use std::fmt::Write as _;

use ironroot_cpu::bus::Bus;
use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Action, Hook};
use ironroot_cpu::op::Args;

use crate::symbols::Symbols;

/// Deepest call stack that is told apart.
const MAX_DEPTH: usize = 64;
/// Size of a stretch of code that no symbol names.
const UNNAMED: u32 = 0x100;
/// Places in the cache of calls; a power of two.
const CACHED: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct NodeKey {
    parent: u32,
    function: u32,
}

/// An open call or exception.
#[derive(Clone, Copy)]
struct Frame {
    /// Where it returns to; odd (never reached) for an exception.
    back: u32,
    /// The stack pointer at its first instruction: once the stack is above it, it has ended in whatever way.
    sp: u32,
    /// Its caller.
    node: u32,
}

/// A jump that was looked up before: from this node to this address leads into `node`, which is `start..end`.
#[derive(Clone, Copy)]
struct Known {
    parent: u32,
    pc: u32,
    node: u32,
    start: u32,
    end: u32,
}

/// Counts instructions by call stack. The stack is followed by watching PC, LR and SP: a jump that left the address behind it
/// in LR is a call, reaching that address again with the same stack is its return.
pub struct Profiler<'a> {
    symbols: &'a Symbols,
    nodes: Vec<(NodeKey, u64)>,
    index: HashMap<NodeKey, u32>,
    known: Vec<Known>,
    stack: Vec<Frame>,
    current: u32,
    /// Bounds of the function that runs.
    start: u32,
    end: u32,
    /// Address behind the last instruction.
    expected: u32,
    /// An exception was entered since the last instruction.
    entered: bool,
}

const ROOT: u32 = 0;

impl<'a> Profiler<'a> {
    /// An empty profile; functions are told apart by `symbols`.
    pub fn new(symbols: &'a Symbols) -> Self {
        let root = NodeKey { parent: u32::MAX, function: 0 };
        Profiler {
            symbols,
            nodes: vec![(root, 0)],
            index: HashMap::new(),
            known: vec![Known { parent: u32::MAX, pc: 1, node: ROOT, start: 0, end: 0 }; CACHED],
            stack: Vec::new(),
            current: ROOT,
            start: 0,
            end: 0,
            // No instruction is at an odd address.
            expected: 1,
            entered: false,
        }
    }

    /// Goes on in the function at `pc`, called by `parent`.
    fn enter(&mut self, parent: u32, pc: u32) {
        let slot = (pc >> 1) as usize ^ (parent as usize).wrapping_mul(0x9E5);
        let known =
            self.known.get(slot % CACHED).filter(|known| known.parent == parent && known.pc == pc).copied();
        let known = known.unwrap_or_else(|| {
            let unnamed = pc & !(UNNAMED - 1);
            let (start, end) = self.symbols.bounds(pc).unwrap_or((unnamed, unnamed.saturating_add(UNNAMED)));
            let key = NodeKey { parent, function: start };
            let next = self.nodes.len() as u32;
            let node = *self.index.entry(key).or_insert(next);
            if node == next {
                self.nodes.push((key, 0));
            }
            let known = Known { parent, pc, node, start, end };
            if let Some(place) = self.known.get_mut(slot % CACHED) {
                *place = known;
            }
            known
        });
        (self.current, self.start, self.end) = (known.node, known.start, known.end);
    }

    /// Goes back to a node that was left at a call.
    fn resume(&mut self, node: u32, pc: u32) {
        let parent = self.nodes.get(node as usize).map_or(ROOT, |(key, _)| key.parent);
        if parent == u32::MAX {
            self.enter(ROOT, pc);
        } else {
            self.enter(parent, pc);
        }
    }

    /// Execution did not go on behind the last instruction, or an exception was entered.
    #[inline]
    fn moved(&mut self, pc: u32, lr: u32, sp: u32) {
        let mut ended = None;
        while let Some(frame) = self.stack.last().filter(|frame| frame.sp < sp) {
            ended = Some(frame.node);
            self.stack.pop();
        }
        if let Some(frame) = self.stack.last().filter(|frame| frame.back == pc && frame.sp == sp) {
            ended = Some(frame.node);
            self.stack.pop();
        }
        if let Some(node) = ended {
            self.resume(node, pc);
        }
        let called = ended.is_none() && lr & !1 == self.expected;
        if (called || self.entered) && self.stack.len() < MAX_DEPTH {
            let back = if self.entered { 1 } else { self.expected };
            self.stack.push(Frame { back, sp, node: self.current });
            self.enter(self.current, pc);
        } else if !(self.start..self.end).contains(&pc) {
            // A jump out of a function without a call: a tail call, or the start.
            let parent = self.stack.last().map_or(ROOT, |frame| frame.node);
            self.enter(parent, pc);
        }
        self.entered = false;
    }

    /// Function name and own instructions, most first.
    pub fn by_function(&self) -> Vec<(String, u64)> {
        let mut totals = HashMap::<u32, u64>::new();
        for (key, count) in &self.nodes {
            *totals.entry(key.function).or_default() += count;
        }
        let mut rows: Vec<_> =
            totals.into_iter().filter(|(_, n)| *n > 0).map(|(f, n)| (self.symbols.describe(f), n)).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows
    }

    /// All instructions seen.
    pub fn total(&self) -> u64 {
        self.nodes.iter().map(|(_, count)| count).sum()
    }

    /// A self-contained SVG: width is instructions, height is call depth, each box titled.
    pub fn flame_graph(&self) -> String {
        const WIDTH: f64 = 1200.0;
        const ROW: f64 = 18.0;
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (node, (key, _)) in self.nodes.iter().enumerate().skip(1) {
            if let Some(list) = children.get_mut(key.parent as usize) {
                list.push(node);
            }
        }
        // A child is always made after its parent: one pass from the back sums up whole subtrees.
        let mut sums: Vec<u64> = self.nodes.iter().map(|(_, count)| *count).collect();
        for node in (1..self.nodes.len()).rev() {
            let own = sums[node];
            if let Some(parent) = sums.get_mut(self.nodes[node].0.parent as usize) {
                *parent += own;
            }
        }
        let total = sums[0].max(1) as f64;
        let mut boxes = String::new();
        let mut deepest = 0;
        let mut todo = vec![(0usize, 0usize, 0.0f64)];
        while let Some((node, depth, x)) = todo.pop() {
            let width = WIDTH * sums[node] as f64 / total;
            if width < 0.3 {
                continue;
            }
            deepest = deepest.max(depth);
            let name = if node == 0 {
                "all".to_string()
            } else {
                self.symbols.describe(self.nodes[node].0.function)
            };
            let name = escape(&name);
            let share = 100.0 * sums[node] as f64 / total;
            let hue = 20 + name.bytes().fold(0u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into())) % 35;
            let y = depth as f64 * ROW;
            let letters = ((width - 6.0) / 6.6).max(0.0) as usize;
            let label: String =
                if letters < 3 { String::new() } else { name.chars().take(letters).collect() };
            let label = if label.contains('&') { String::new() } else { label };
            let _ = writeln!(
                boxes,
                "<g><title>{name}: {} instructions, {share:.2} %</title><rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" \
                 height=\"{}\" rx=\"2\" fill=\"hsl({hue} 85% 65%)\"/><text x=\"{:.1}\" y=\"{}\">{label}</text></g>",
                sums[node],
                ROW - 1.0,
                x + 3.0,
                y + 13.0
            );
            let mut at = x;
            for &child in &children[node] {
                todo.push((child, depth + 1, at));
                at += WIDTH * sums[child] as f64 / total;
            }
        }
        let height = (deepest + 1) as f64 * ROW;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" \
             font-size=\"11\">\n{boxes}</svg>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl<B: Bus> Hook<B> for Profiler<'_> {
    #[inline]
    fn before(&mut self, core: &mut Core<B>, pc: u32, args: &Args) -> Action {
        if pc != self.expected || self.entered {
            self.moved(pc, core.r[14], core.r[13]);
        }
        self.expected = pc.wrapping_add(u32::from(args.length));
        if let Some(node) = self.nodes.get_mut(self.current as usize) {
            node.1 += 1;
        }
        Action::Run
    }

    fn exception(&mut self, _: &Core<B>, _: u16) {
        self.entered = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instructions of four bytes, one a step: address, LR, SP. Returns the node of each.
    fn nodes(steps: &[(u32, u32, u32)]) -> Vec<u32> {
        let symbols = Symbols::new();
        let mut profiler = Profiler::new(&symbols);
        let mut seen = Vec::new();
        for &(pc, lr, sp) in steps {
            if pc != profiler.expected {
                profiler.moved(pc, lr, sp);
            }
            profiler.expected = pc + 4;
            seen.push(profiler.current);
        }
        seen
    }

    #[test]
    fn calls_nest_and_returns_unwind() {
        let seen = nodes(&[
            (0x1000, 0, 0x100),
            (0x2000, 0x1005, 0x100),
            (0x3000, 0x2005, 0xF0),
            (0x2004, 0x2005, 0xF0),
            (0x1004, 0x1005, 0x100),
        ]);
        assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
        assert_eq!((seen[3], seen[4]), (seen[1], seen[0]));
    }

    #[test]
    fn a_leaf_called_twice_from_one_place_is_a_call_each_time() {
        // LR still holds the same return address at the second call.
        let seen = nodes(&[
            (0x1000, 0, 0x100),
            (0x2000, 0x1005, 0x100),
            (0x1004, 0x1005, 0x100),
            (0x1000, 0x1005, 0x100),
            (0x2000, 0x1005, 0x100),
            (0x1004, 0x1005, 0x100),
        ]);
        assert_eq!([seen[0], seen[2], seen[3], seen[5]], [seen[0]; 4]);
        assert_eq!(seen[1], seen[4]);
        assert_ne!(seen[0], seen[1]);
    }

    #[test]
    fn a_tail_call_returns_to_the_first_caller() {
        let seen = nodes(&[
            (0x1000, 0, 0x100),
            (0x2000, 0x1005, 0x100),
            (0x3000, 0x1005, 0x100),
            (0x1004, 0x1005, 0x100),
        ]);
        assert_ne!(seen[1], seen[2]);
        assert_eq!(seen[3], seen[0]);
    }

    #[test]
    fn an_empty_profile_is_a_drawing_too() {
        let symbols = Symbols::new();
        let svg = Profiler::new(&symbols).flame_graph();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
