import { useEffect, useState } from 'react'

/** The present, renewed every `everyMs` while the page is seen. */
export function useNow(everyMs: number): number {
  const [nowMs, setNowMs] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNowMs(Date.now())
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return nowMs
}
