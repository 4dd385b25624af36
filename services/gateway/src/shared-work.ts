/** Work that is under way is not begun a second time: whoever asks for the same meanwhile is given its outcome. Nothing is kept after it. */
export class SharedWork<Outcome> {
  readonly #underWay = new Map<string, Promise<Outcome>>()

  /** @param key what makes two askings the same */
  run(key: string, work: () => Promise<Outcome>): Promise<Outcome> {
    const known = this.#underWay.get(key)
    if (known) return known
    const begun = work().finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, begun)
    return begun
  }
}
