import { useEffect, useEffectEvent } from 'react'
import { readSetting, writeSetting } from './storage.ts'
import { createStore } from './store.ts'

/** Single-key shortcuts can be turned off (WCAG 2.1.4). Written by `setKeysEnabled` alone. */
export const keysEnabledStore = createStore(readSetting('keys') !== 'off')

export function setKeysEnabled(isEnabled: boolean): void {
  writeSetting('keys', isEnabled ? null : 'off')
  keysEnabledStore.set(isEnabled)
}

/** What keys do, by key or by two keys after each other (`g o`). */
export type KeyMap = Readonly<Record<string, () => void>>

/** A second key counts as part of a pair within this time. */
const pairWindowMs = 1200

/** Acts on single keys, but never in text fields, with a modifier, in an open dialog or menu, or when turned off. */
export function useKeys(map: KeyMap): void {
  const act = useEffectEvent((name: string): boolean => {
    const handler = map[name]
    handler?.()
    return handler !== undefined
  })
  useEffect(() => {
    let first: { readonly key: string; readonly atMs: number } | null = null
    const onKeyDown = (event: KeyboardEvent): void => {
      if (!keysEnabledStore.get() || !isForShortcuts(event)) return
      const isPair = first !== null && event.timeStamp - first.atMs <= pairWindowMs
      const name = isPair ? `${first?.key} ${event.key}` : event.key
      first = isPair || event.key !== 'g' ? null : { key: event.key, atMs: event.timeStamp }
      if (act(name)) event.preventDefault()
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  }, [])
}

function isForShortcuts(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false
  const target = event.target instanceof Element ? event.target : null
  return (
    target?.closest(
      'input, textarea, select, [contenteditable], [role=dialog], [role=menu], [role=listbox]',
    ) == null
  )
}

/** Moves the focus by `step` among the rows of the page (`[data-row]`), from the first when none has it. */
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const current = rows.findIndex((row) => row.contains(document.activeElement))
  const next = current < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, current + step))
  rows[next]?.focus()
  rows[next]?.scrollIntoView({ block: 'nearest' })
}
