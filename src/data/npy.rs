//! Arrays as NumPy's `.npy` files: version 1.0, little-endian, C order.

/// The bytes of an array of this shape, whose last index runs fastest.
pub fn npy(shape: &[usize], values: impl IntoIterator<Item = f64>) -> Vec<u8> {
    let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Magic, version and length are ten bytes; the data begin at a multiple of 64, after a newline.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.into_iter().flat_map(f64::to_le_bytes));
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
}
