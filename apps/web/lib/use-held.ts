import { type RefCallback, useCallback, useEffect, useState } from 'react'

/**
 * Tells whether pointer or focus is inside an element: then its rows must not move.
 * Focus counts only when it is visible, or every click would hold the list for good.
 */
export function useHold(): { readonly isHeld: boolean; readonly ref: RefCallback<HTMLElement> } {
  const [isHeld, setIsHeld] = useState(false)
  const ref = useCallback((element: HTMLElement | null) => {
    if (element === null) return
    const by = { pointer: false, focus: false }
    const listening = new AbortController()
    const on = (type: string, change: () => Partial<typeof by>): void =>
      element.addEventListener(
        type,
        () => {
          Object.assign(by, change())
          setIsHeld(by.pointer || by.focus)
        },
        { signal: listening.signal },
      )
    on('pointerenter', () => ({ pointer: true }))
    on('pointerleave', () => ({ pointer: false }))
    on('focusin', () => ({ focus: document.activeElement?.matches(':focus-visible') ?? false }))
    on('focusout', () => ({ focus: false }))
    return () => {
      listening.abort()
      setIsHeld(false)
    }
  }, [])
  return { isHeld, ref }
}

/**
 * Follows `latest`, but stands still while held; `release` takes the newest at once. Nothing, or an empty list, is never held: what has no
 * rows cannot move.
 */
export function useHeldValue<T>(
  latest: T | undefined,
  isHeld: boolean,
): {
  readonly shown: T | undefined
  readonly isPaused: boolean
  readonly release: () => void
} {
  const [kept, setKept] = useState(latest)
  const isNothing = kept === undefined || (Array.isArray(kept) && kept.length === 0)
  const follows = !isHeld || isNothing
  useEffect(() => {
    if (follows) setKept(latest)
  }, [follows, latest])
  const shown = follows ? latest : kept
  return { shown, isPaused: shown !== latest, release: () => setKept(latest) }
}
