/** Memory that the caches of a stream thread share. */
export class RecordCache {
  /** May be made smaller: entries beyond it go with the next put. */
  maxBytes: number
  /** Of all entries; about, since what the runtime adds to an entry is a guess. */
  sizeBytes = 0

  /** @param maxBytes what entries may take together; a cache that adds more gives up its own oldest ones, bytes, >= 0 */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get isFull(): boolean {
    return this.sizeBytes > this.maxBytes
  }
}
