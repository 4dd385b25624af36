/** The largest value of the last one to two windows of time: whoever has it begins a new window with `rotate`. */
export class RecentMax {
  #current = 0
  #before = 0

  get value(): number {
    return Math.max(this.#current, this.#before)
  }

  note(value: number): void {
    if (value > this.#current) this.#current = value
  }

  rotate(): void {
    this.#before = this.#current
    this.#current = 0
  }
}
