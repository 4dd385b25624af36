/**
 * The order in which Java walks its hash sets of texts: by bucket, and within one in the order of arrival. Its `describe()` shows that
 * order, which the names alone decide.
 * @param isCopy made at once of another collection, which gives it room ahead, and not by adding one text after the other
 * @see OpenJDK `HashMap`: table sizes are powers of two, filled to 3/4; buckets that became trees (8 texts or more) are not imitated
 */
export function inHashOrder(texts: Iterable<string>, isCopy = false): readonly string[] {
  const all = [...new Set(texts)]
  let size = 16
  if (isCopy) while (size < Math.trunc(all.length / 0.75 + 1)) size *= 2
  else while (all.length > size * 0.75) size *= 2
  const bucket = (text: string): number => spread(javaHash(text)) & (size - 1)
  return all.toSorted((left, right) => bucket(left) - bucket(right))
}

/** `String.hashCode()`. */
function javaHash(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return hash
}

function spread(hash: number): number {
  return hash ^ (hash >>> 16)
}

interface Entry<T> {
  readonly item: T
  isRed: boolean
  parent: Entry<T> | undefined
  left: Entry<T> | undefined
  right: Entry<T> | undefined
}

/**
 * A sorted set that holds its items where they belonged when they were added. Java's `describe()` sorts nodes by a size that goes on
 * growing, so that what it shows depends on the shape of its red-black tree: here is the same tree.
 * @see OpenJDK `TreeMap.put`, `fixAfterInsertion`; Cormen, Leiserson, Rivest: Introduction to Algorithms
 */
export class InsertionTree<T> {
  readonly #compare: (left: T, right: T) => number
  #root: Entry<T> | undefined

  constructor(compare: (left: T, right: T) => number) {
    this.#compare = compare
  }

  add(item: T): void {
    let parent: Entry<T> | undefined
    let isLeft = false
    for (let at = this.#root; at;) {
      if (at.item === item) return
      parent = at
      isLeft = this.#compare(item, at.item) < 0
      at = isLeft ? at.left : at.right
    }
    const added: Entry<T> = { item, isRed: true, parent, left: undefined, right: undefined }
    if (!parent) this.#root = added
    else if (isLeft) parent.left = added
    else parent.right = added
    this.#balance(added)
  }

  *[Symbol.iterator](): Generator<T> {
    yield* below(this.#root)
  }

  /** A red item must not have a red parent; the root is black. */
  #balance(added: Entry<T>): void {
    let at = added
    for (let parent = at.parent; parent?.isRed; parent = at.parent) {
      // A red entry is never the root, so there is one above.
      const above = parent.parent as Entry<T>
      const isLeft = parent === above.left
      const uncle = isLeft ? above.right : above.left
      if (uncle?.isRed) {
        parent.isRed = uncle.isRed = false
        above.isRed = true
        at = above
        continue
      }
      if (at === (isLeft ? parent.right : parent.left)) {
        at = parent
        this.#rotate(at, isLeft)
      }
      const top = at.parent as Entry<T>
      top.isRed = false
      above.isRed = true
      this.#rotate(above, !isLeft)
    }
    if (this.#root) this.#root.isRed = false
  }

  /** Puts a child into an entry's place: the right one where the entry goes left. */
  #rotate(entry: Entry<T>, goesLeft: boolean): void {
    const child = (goesLeft ? entry.right : entry.left) as Entry<T>
    const moved = goesLeft ? child.left : child.right
    if (goesLeft) entry.right = moved
    else entry.left = moved
    if (moved) moved.parent = entry
    child.parent = entry.parent
    if (!entry.parent) this.#root = child
    else if (entry.parent.left === entry) entry.parent.left = child
    else entry.parent.right = child
    if (goesLeft) child.left = entry
    else child.right = entry
    entry.parent = child
  }
}

function* below<T>(entry: Entry<T> | undefined): Generator<T> {
  if (!entry) return
  yield* below(entry.left)
  yield entry.item
  yield* below(entry.right)
}
