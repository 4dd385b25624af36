import { exactTime, when } from '../lib/format.ts'
import { useNow } from '../lib/use-now.ts'

/** A moment, relative below a day; hover gives it exactly. */
export function Time(props: { readonly atMs: number }) {
  const nowMs = useNow(15_000)
  const iso = exactTime(props.atMs)
  return (
    <time className="figure" dateTime={iso} title={iso}>
      {when(props.atMs, nowMs)}
    </time>
  )
}
