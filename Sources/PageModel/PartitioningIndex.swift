extension RandomAccessCollection {
    /// The index of the first element for which `isBehind` is true, by bisection: no element for which it is false may come
    /// after one for which it is true. `endIndex` where it is true of none.
    package func partitioningIndex(where isBehind: (Element) -> Bool) -> Index {
        var (low, count) = (startIndex, count)
        while count > 0 {
            let middle = index(low, offsetBy: count / 2)
            if isBehind(self[middle]) {
                count /= 2
            } else {
                low = index(after: middle)
                count -= count / 2 + 1
            }
        }
        return low
    }
}
