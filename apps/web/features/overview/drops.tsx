import { useEffect, useState } from 'react'
import type { Race } from './flow-geometry.ts'

/** More than so many on one edge at once is shown by the pace of the water instead. */
const maxDrops = 10

/** A drop for every event that moved along the edge since the last sample, let off one after the other. */
export function Drops(props: {
  readonly edge: Pick<Race, 'path' | 'delayMs'>
  readonly count: number
  readonly atMs: number
}) {
  const { edge, count, atMs } = props
  const [wave, setWave] = useState({ atMs: 0, count: 0 })
  useEffect(() => {
    if (count > 0) setWave({ atMs, count: Math.min(count, maxDrops) })
  }, [atMs, count])
  return Array.from({ length: wave.count }, (_, index) => (
    <circle
      key={`${wave.atMs} ${index}`}
      className="drop"
      r="5"
      style={{
        offsetPath: `path("${edge.path}")`,
        animationDelay: `${edge.delayMs + (index * 700) / wave.count}ms`,
      }}
    />
  ))
}
