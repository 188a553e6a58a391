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

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct NodeKey {
    parent: u32,
    function: u32,
}

/// Counts instructions by call stack. The stack is followed by watching LR and the PC: a jump that left the address behind it
/// in LR is a call, reaching that address again is its return.
pub struct Profiler<'a> {
    symbols: &'a Symbols,
    nodes: Vec<(NodeKey, u64)>,
    index: HashMap<NodeKey, u32>,
    /// Return address and node of each open call.
    stack: Vec<(u32, u32)>,
    current: u32,
    function: u32,
    /// Address behind the last instruction.
    expected: u32,
    last_lr: u32,
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
            stack: Vec::new(),
            current: ROOT,
            function: u32::MAX,
            expected: u32::MAX,
            last_lr: 0,
        }
    }

    fn child(&mut self, parent: u32, function: u32) -> u32 {
        let key = NodeKey { parent, function };
        if let Some(&node) = self.index.get(&key) {
            return node;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push((key, 0));
        self.index.insert(key, node);
        node
    }

    fn moved(&mut self, pc: u32, lr: u32) {
        let function = self.symbols.function_start(pc).unwrap_or(pc & !0xFF);
        if let Some(at) = self.stack.iter().rposition(|&(back, _)| back == pc) {
            self.current = self.stack[at].1;
            self.stack.truncate(at);
            self.function = function;
            return;
        }
        let called = lr != self.last_lr && lr & !1 == self.expected;
        let exception = lr >= 0xFFFF_FFE0 && lr != self.last_lr;
        if (called || exception) && self.stack.len() < MAX_DEPTH {
            self.stack.push((self.expected, self.current));
            self.current = self.child(self.current, function);
        } else if function != self.function {
            // A jump out of a function without a call: a tail call, or the start.
            let parent = self.stack.last().map_or(ROOT, |&(_, node)| node);
            self.current = self.child(parent, function);
        }
        self.function = function;
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
            sums[self.nodes[node].0.parent as usize] += sums[node];
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
            let name = if node == 0 { "all".to_string() } else { self.symbols.describe(self.nodes[node].0.function) };
            let name = escape(&name);
            let share = 100.0 * sums[node] as f64 / total;
            let hue = 20 + name.bytes().fold(0u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into())) % 35;
            let y = depth as f64 * ROW;
            let letters = ((width - 6.0) / 6.6).max(0.0) as usize;
            let label: String = if letters < 3 { String::new() } else { name.chars().take(letters).collect() };
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
    fn before(&mut self, core: &mut Core<B>, pc: u32, args: &Args) -> Action {
        let lr = core.r[14];
        if pc != self.expected || self.function == u32::MAX {
            self.moved(pc, lr);
        }
        self.last_lr = lr;
        self.expected = pc.wrapping_add(u32::from(args.length));
        if let Some(node) = self.nodes.get_mut(self.current as usize) {
            node.1 += 1;
        }
        Action::Run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_nest_and_returns_unwind() {
        let symbols = Symbols::new();
        let mut profiler = Profiler::new(&symbols);
        profiler.moved(0x1000, 0);
        let outer = profiler.current;
        (profiler.expected, profiler.last_lr) = (0x1004, 0);
        profiler.moved(0x2000, 0x1005);
        assert_ne!(profiler.current, outer);
        profiler.expected = 0x2010;
        profiler.moved(0x1004, 0x1005);
        assert_eq!(profiler.current, outer);
        assert!(profiler.stack.is_empty());
    }
}
