export interface GatheringOptions<Item, Result> {
  /**
   * Deals with items together, oldest first.
   * @returns a result, or the promise of one, for each in their order; what it throws is told to all of them
   */
  readonly run: (items: readonly Item[]) => Promise<readonly (Result | Promise<Result>)[]>
  /** Most runs at once. */
  readonly maxUnderWay: number
  /** What an item counts in a run. Default 1. */
  readonly weightOf?: (item: Item) => number
  /** Most that the items of one run may count together; one that counts more goes alone. */
  readonly maxWeight: number
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly weight: number
  readonly settle: PromiseWithResolvers<Result>
}

/**
 * Does together what many ask for at about the same time: what came in one turn of the event loop, and what came while as many runs as may be were
 * under way. Nobody waits for others to come, so a single item is dealt with at once, and runs are the larger the more there is to do. What waits is bounded by
 * whoever asks: each waits for its own.
 */
export class Gathering<Item, Result> {
  readonly #options: GatheringOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #underWay = 0
  #isDue = false

  constructor(options: GatheringOptions<Item, Result>) {
    this.#options = options
  }

  /** Resolves or rejects as the run that has the item does for it. */
  ask(item: Item): Promise<Result> {
    const settle = Promise.withResolvers<Result>()
    const weight = this.#options.weightOf?.(item) ?? 1
    this.#waiting.push({ item, weight, settle })
    this.#wake()
    return settle.promise
  }

  /** Once the turn is over, when all has come that came with it. */
  #wake(): void {
    if (this.#isDue || this.#underWay >= this.#options.maxUnderWay) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      while (this.#waiting.length > 0 && this.#underWay < this.#options.maxUnderWay)
        void this.#run(this.#take())
    })
  }

  #take(): readonly Waiting<Item, Result>[] {
    const { maxWeight } = this.#options
    let count = 0
    let weight = 0
    for (const waiting of this.#waiting) {
      weight += waiting.weight
      if (count > 0 && weight > maxWeight) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Never rejects. */
  async #run(taken: readonly Waiting<Item, Result>[]): Promise<void> {
    this.#underWay++
    try {
      const results = await this.#options.run(taken.map(({ item }) => item))
      for (const [index, { settle }] of taken.entries())
        settle.resolve(results[index] as Result | Promise<Result>)
    } catch (error) {
      for (const { settle } of taken) settle.reject(error)
    } finally {
      this.#underWay--
      if (this.#waiting.length > 0) this.#wake()
    }
  }
}
