//! Memory that grows to what is asked, stays, and begins on a cache line: a vector register that straddles
//! two lines is read in two goes. What is large stands on large pages where the system has them: a gradient goes
//! over it from end to end, and 4 kB at a time is one miss of the page tables after the other.

use memmap2::MmapMut;

/// Numbers in a cache line.
pub const LINE: usize = 8;
/// Numbers in a large page.
const PAGE: usize = (2 << 20) / size_of::<f64>();

/// See the module.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Memory,
    start: usize,
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<f64>),
    Pages(MmapMut),
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::Heap(Vec::new())
    }
}

impl Memory {
    /// Zeros.
    fn new(length: usize) -> Memory {
        if length >= PAGE
            && let Ok(pages) = MmapMut::map_anon(length * size_of::<f64>())
        {
            // A wish: without it the memory is as good, and slower.
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage);
            return Memory::Pages(pages);
        }
        Memory::Heap(vec![0.0; length])
    }

    fn numbers(&self) -> &[f64] {
        match self {
            Memory::Heap(numbers) => numbers,
            Memory::Pages(pages) => bytemuck::try_cast_slice(pages).unwrap_or_default(),
        }
    }

    fn numbers_mut(&mut self) -> &mut [f64] {
        match self {
            Memory::Heap(numbers) => numbers,
            Memory::Pages(pages) => bytemuck::try_cast_slice_mut(pages).unwrap_or_default(),
        }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        let mut copy = Buffer::default();
        let numbers = self.get();
        copy.sized(numbers.len()).copy_from_slice(numbers);
        copy
    }
}

impl Buffer {
    /// The first `length` numbers; what was there stays, unless the buffer had to grow.
    pub fn sized(&mut self, length: usize) -> &mut [f64] {
        if self.memory.numbers().len() < self.start + length {
            // A large page or a line more, to begin on one, and an eighth for a block that has a sample more.
            let line = if length >= PAGE { PAGE } else { LINE };
            self.memory = Memory::new(length + length / 8 + line - 1);
            let first = self.memory.numbers().as_ptr();
            // An address that cannot be aligned is used as it is.
            self.start = first.align_offset(line * size_of::<f64>()).min(line - 1);
        }
        &mut self.memory.numbers_mut()[self.start..self.start + length]
    }

    /// The first `length` numbers; what was there stays in any case.
    pub fn grown(&mut self, length: usize) -> &mut [f64] {
        let held = self.get().len();
        if held < length {
            let old = std::mem::take(self);
            self.sized(length)[..held].copy_from_slice(old.get());
        }
        self.sized(length)
    }

    /// The first `length` numbers, all zero.
    pub fn zeroed(&mut self, length: usize) -> &mut [f64] {
        let numbers = self.sized(length);
        numbers.fill(0.0);
        numbers
    }

    /// The numbers so far.
    pub fn get(&self) -> &[f64] {
        &self.memory.numbers()[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_on_a_line_and_keeps_what_it_holds() {
        let mut buffer = Buffer::default();
        for length in [1, 7, 100, 3, 10_000, 2 * PAGE + 1, 3 * PAGE] {
            let numbers = buffer.sized(length);
            assert_eq!(numbers.len(), length);
            assert_eq!(numbers.as_ptr().addr() % 64, 0);
            numbers[length - 1] = 1.0;
        }
        buffer.sized(3).copy_from_slice(&[1.0, 2.0, 3.0]);
        assert_eq!(buffer.sized(2), [1.0, 2.0]);
        assert_eq!(buffer.clone().sized(3), [1.0, 2.0, 3.0]);
        let longer = buffer.get().len() + 1;
        assert_eq!(buffer.grown(longer)[..3], [1.0, 2.0, 3.0]);
        assert_eq!(buffer.zeroed(3), [0.0; 3]);
    }
}
