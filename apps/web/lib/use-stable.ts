import { useState } from 'react'

/** The same value while nothing in it has changed: polling alone is no news. */
export function useStable<T>(value: T): T {
  const text = JSON.stringify(value)
  const [kept, setKept] = useState({ text, value })
  if (kept.text !== text) setKept({ text, value })
  return kept.text === text ? kept.value : value
}
