import { count, duration, integer } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import { restoreKey, restoreLeftMs } from './mappers.ts'
import type { StreamApp, StreamRates } from './model.ts'
import { PauseActs } from './pause-control.tsx'
import { instanceName } from './task-table.tsx'

/** What the app has: stores, what is being restored, copies, instances. */
export function StateAside(props: { readonly app: StreamApp; readonly rates: StreamRates }) {
  const { app, rates } = props
  return (
    <aside className="stream-side">
      <Restores app={app} rates={rates} />
      <Stores app={app} />
      <Copies app={app} />
      <Instances app={app} />
      <PauseActs acts={app.pauseActs} />
    </aside>
  )
}

function Stores(props: { readonly app: StreamApp }) {
  return (
    <section aria-label="Stores">
      <h3>Stores</h3>
      <ul className="stream-list">
        {props.app.stores.map(({ name, kind, entries }) => (
          <li key={name}>
            <span className="mono">{name}</span>
            <small>
              {kind}
              {entries !== null && `, about ${integer(entries)} entries`}
            </small>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Restores(props: { readonly app: StreamApp; readonly rates: StreamRates }) {
  const { restores } = props.app
  if (restores.length === 0) return null
  return (
    <section aria-label="Being restored">
      <h3>Being restored</h3>
      <ul className="stream-list">
        {restores.map((each) => {
          const { taskId, store, role, restored, remaining } = each
          const leftMs = restoreLeftMs(each, props.rates.restores.get(restoreKey(each)))
          return (
            <li key={restoreKey(each)}>
              <span className="mono">
                {taskId} {store}
              </span>
              <progress
                aria-label={`${store} of task ${taskId}`}
                max={restored + remaining}
                value={restored}
              />
              <small>
                {role}: {integer(remaining)} records left
                {leftMs !== null && `, about ${duration(leftMs)}`}
              </small>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

function Copies(props: { readonly app: StreamApp }) {
  const { copies } = props.app
  if (copies.length === 0) return null
  return (
    <section aria-label="Copies">
      <h3>Copies</h3>
      <ul className="stream-list">
        {copies.map(({ processId, store, partition, lagRecords }) => (
          <li key={`${processId} ${store} ${partition}`}>
            <span className="mono">
              {store} {partition}
            </span>
            <small>{count(lagRecords, 'record')} behind</small>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Instances(props: { readonly app: StreamApp }) {
  return (
    <section aria-label="Instances">
      <h3>Instances</h3>
      {props.app.instances.length === 0 && <p>Not known yet.</p>}
      <ul className="stream-list">
        {props.app.instances.map((each) => (
          <li key={each.processId}>
            <span className="mono">{instanceName(each)}</span>
            {each.isThis && <Chip tone="quiet">asked</Chip>}
            {each.isPaused === true && <Chip tone="attention">paused</Chip>}
            {each.problem !== null && (
              <Chip tone="bad" title={each.problem}>
                no answer
              </Chip>
            )}
            <small>
              {count(each.activeTasks.length, 'task')},{' '}
              {count(each.standbyTasks.length, 'copy', 'copies')}
            </small>
          </li>
        ))}
      </ul>
    </section>
  )
}
