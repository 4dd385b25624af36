import { overviewStore } from '../overview/store.ts'
import { useStore } from '../../lib/store.ts'

const spokes = [0, 45, 90, 135]

/** The wheel turns while events are processed: a quick eye on the house from any page. */
export function MillMark() {
  const perSecond = useStore(overviewStore).history.at(-1)?.rates.processed ?? 0
  // From one turn in 8 s for a trickle to one in 1 s for a stream; standing still when nothing comes.
  const turnSeconds = perSecond === 0 ? 0 : Math.max(1, 8 - 2 * Math.log2(1 + perSecond))
  return (
    <svg className="mill-mark" viewBox="0 0 32 32" aria-hidden="true">
      <g
        className="mill-wheel"
        style={{
          animationDuration: `${turnSeconds}s`,
          animationPlayState: turnSeconds === 0 ? 'paused' : 'running',
        }}
      >
        <circle cx="16" cy="14" r="7.5" />
        {spokes.map((angle) => (
          <path key={angle} d="M16 2.6v22.8" transform={`rotate(${angle} 16 14)`} />
        ))}
      </g>
      <path className="mill-water" d="M2 29c3-2.4 6-2.4 9 0s6 2.4 9 0 6-2.4 10 0" />
    </svg>
  )
}
