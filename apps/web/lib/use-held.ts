import { type RefObject, useEffect, useRef, useState } from 'react'

/**
 * True while pointer or focus is inside the element: then rows must not move.
 * Focus counts only when it is visible, or every click would hold the list for good.
 */
export function useIsHeld(element: RefObject<HTMLElement | null>): boolean {
  const [isHeld, setIsHeld] = useState(false)
  const parts = useRef({ pointer: false, focus: false })
  useEffect(() => {
    const target = element.current
    if (target === null) return
    const update = (change: Partial<typeof parts.current>): void => {
      Object.assign(parts.current, change)
      setIsHeld(parts.current.pointer || parts.current.focus)
    }
    const controller = new AbortController()
    const on = (type: string, change: () => Partial<typeof parts.current>): void =>
      target.addEventListener(type, () => update(change()), { signal: controller.signal })
    on('pointerenter', () => ({ pointer: true }))
    on('pointerleave', () => ({ pointer: false }))
    on('focusin', () => ({ focus: document.activeElement?.matches(':focus-visible') ?? false }))
    on('focusout', () => ({ focus: false }))
    return () => controller.abort()
  }, [element])
  return isHeld
}

/** Follows `latest`, but stands still while held; `release` takes the newest at once. */
export function useHeldValue<T>(
  latest: T,
  isHeld: boolean,
): { readonly shown: T; readonly isPaused: boolean; readonly release: () => void } {
  const [frozen, setFrozen] = useState<T>(latest)
  const shown = isHeld ? frozen : latest
  useEffect(() => {
    if (!isHeld) setFrozen(latest)
  }, [isHeld, latest])
  return { shown, isPaused: isHeld && shown !== latest, release: () => setFrozen(latest) }
}
