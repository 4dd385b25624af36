import { useRef } from 'react'
import { useKeys } from '../../lib/keys.ts'

export interface Ticks {
  readonly isAll: boolean
  readonly toggle: (key: string) => void
  /** All, or none where all are. */
  readonly toggleAll: () => void
}

/**
 * Rows to tick, each an element with its key in `data-key`. `x` ticks the row in focus, `Shift x` all from the last one ticked up to it.
 * @param open keys of the rows that may be ticked, in their order
 */
export function useTicks(
  open: readonly string[],
  ticked: ReadonlySet<string>,
  onTick: (ticked: ReadonlySet<string>) => void,
): Ticks {
  const lastTicked = useRef<string | null>(null)
  const isAll = open.length > 0 && open.every((key) => ticked.has(key))
  const toggle = (key: string): void => {
    const next = new Set(ticked)
    if (!next.delete(key)) next.add(key)
    lastTicked.current = key
    onTick(next)
  }
  const tickUpTo = (key: string): void => {
    const [a, b] = [open.indexOf(lastTicked.current ?? key), open.indexOf(key)].toSorted(
      (x, y) => x - y,
    )
    onTick(new Set([...ticked, ...open.slice(Math.max(0, a ?? 0), (b ?? 0) + 1)]))
  }
  const onFocused = (act: (key: string) => void) => (): void => {
    const key = document.activeElement?.closest<HTMLElement>('[data-key]')?.dataset['key']
    if (key !== undefined && open.includes(key)) act(key)
  }
  useKeys({ x: onFocused(toggle), X: onFocused(tickUpTo) })
  return { isAll, toggle, toggleAll: () => onTick(new Set(isAll ? [] : open)) }
}
