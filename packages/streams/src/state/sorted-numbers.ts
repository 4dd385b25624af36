/** Different numbers in order. Made for times, which come nearly sorted: adding at the end and taking from the front cost nothing. */
export class SortedNumbers {
  #numbers: number[] = []
  /** What lies before it was removed. */
  #head = 0

  get size(): number {
    return this.#numbers.length - this.#head
  }

  get first(): number | undefined {
    return this.#numbers[this.#head]
  }

  /** @param value one that is not there */
  add(value: number): void {
    const numbers = this.#numbers
    const last = numbers.at(-1)
    if (this.size === 0 || value > (last as number)) numbers.push(value)
    else numbers.splice(this.#indexOf(value), 0, value)
  }

  remove(value: number): void {
    const at = this.#indexOf(value)
    if (this.#numbers[at] !== value) return
    if (at === this.#head) this.removeFirst()
    else this.#numbers.splice(at, 1)
  }

  removeFirst(): void {
    this.#head++
    // Half of it at a time, so that each number is moved once or less.
    if (this.#head * 2 < this.#numbers.length) return
    this.#numbers.splice(0, this.#head)
    this.#head = 0
  }

  /** A copy of those from `from` to `to`, both inclusive. */
  range(from: number, to: number): number[] {
    return this.#numbers.slice(this.#indexOf(from), this.#indexOf(to + 1))
  }

  clear(): void {
    this.#numbers = []
    this.#head = 0
  }

  /** Where the first number that is at least `value` stands. Numbers are integers. */
  #indexOf(value: number): number {
    let low = this.#head
    let high = this.#numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#numbers[middle] as number) < value) low = middle + 1
      else high = middle
    }
    return low
  }
}
