//! Arrays as NumPy's `.npy` files: version 1.0, little-endian, C order (NEP 1).

use num_complex::Complex64;

/// What arrays hold.
pub trait Number: Copy {
    /// Its name in the header.
    const KIND: &str;

    /// Appends its bytes.
    fn write(self, to: &mut Vec<u8>);
}

impl Number for f64 {
    const KIND: &str = "<f8";

    fn write(self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

impl Number for i64 {
    const KIND: &str = "<i8";

    fn write(self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

impl Number for Complex64 {
    const KIND: &str = "<c16";

    fn write(self, to: &mut Vec<u8>) {
        self.re.write(to);
        self.im.write(to);
    }
}

/// The bytes of an array of this shape, whose last index runs fastest.
pub fn npy<T: Number>(shape: &[usize], values: impl IntoIterator<Item = T>) -> Vec<u8> {
    let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let kind = T::KIND;
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Magic, version and length are ten bytes; the data begin at a multiple of 64, after a newline.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.bytes());
    values.into_iter().for_each(|value| value.write(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reader_finds_the_same_array() {
        for shape in [&[2, 3][..], &[4], &[1, 2, 5], &[0, 3]] {
            let count: usize = shape.iter().product();
            let values: Vec<f64> = (0..count).map(|i| 0.1 * i as f64).collect();
            let bytes = npy(shape, values.iter().copied());
            let read = npyz::NpyFile::new(&bytes[..]).unwrap();
            let sizes: Vec<usize> = read.shape().iter().map(|n| *n as usize).collect();
            assert_eq!((sizes.as_slice(), read.order()), (shape, npyz::Order::C));
            assert_eq!(read.into_vec::<f64>().unwrap(), values);
        }
    }

    #[test]
    fn other_numbers_are_read_as_what_they_are() {
        let whole = npy(&[3], [1, -2, i64::MAX]);
        let read = npyz::NpyFile::new(&whole[..]).unwrap();
        assert_eq!(read.into_vec::<i64>().unwrap(), [1, -2, i64::MAX]);
        // npyz reads no complex numbers without a feature: two floats each.
        let complex = npy(&[2], [Complex64::new(0.5, -1.0), Complex64::new(2.0, 3.0)]);
        let read = npyz::NpyFile::new(&complex[..]).unwrap();
        assert!(read.header().dtype().descr().contains("<c16"));
        assert_eq!(read.shape(), [2]);
        let numbers = complex[complex.len() - 32..].chunks_exact(8);
        let numbers: Vec<f64> =
            numbers.map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(numbers, [0.5, -1.0, 2.0, 3.0]);
    }
}
