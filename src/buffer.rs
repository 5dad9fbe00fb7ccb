//! Memory that grows to what is asked, stays, and begins on a cache line: a vector register that straddles
//! two lines is read in two goes.

/// Numbers in a cache line.
pub const LINE: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Vec<f64>,
    start: usize,
}

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        let mut copy = Buffer::default();
        let numbers = &self.memory[self.start..];
        copy.sized(numbers.len()).copy_from_slice(numbers);
        copy
    }
}

impl Buffer {
    /// The first `length` numbers; what was there stays, unless the buffer had to grow.
    pub fn sized(&mut self, length: usize) -> &mut [f64] {
        if self.memory.len() < self.start + length {
            self.memory = vec![0.0; length + LINE - 1];
            // An address that cannot be aligned is used as it is.
            self.start = self.memory.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE - 1);
        }
        &mut self.memory[self.start..self.start + length]
    }

    /// The first `length` numbers; what was there stays in any case.
    pub fn grown(&mut self, length: usize) -> &mut [f64] {
        let held = self.memory.len() - self.start;
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
        &self.memory[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_on_a_line_and_keeps_what_it_holds() {
        let mut buffer = Buffer::default();
        for length in [1, 7, 100, 3, 10_000] {
            let numbers = buffer.sized(length);
            assert_eq!(numbers.len(), length);
            assert_eq!(numbers.as_ptr().addr() % 64, 0);
        }
        buffer.sized(3).copy_from_slice(&[1.0, 2.0, 3.0]);
        assert_eq!(buffer.sized(2), [1.0, 2.0]);
        assert_eq!(buffer.clone().sized(3), [1.0, 2.0, 3.0]);
        let longer = buffer.get().len() + 1;
        assert_eq!(buffer.grown(longer)[..3], [1.0, 2.0, 3.0]);
        assert_eq!(buffer.zeroed(3), [0.0; 3]);
    }
}
