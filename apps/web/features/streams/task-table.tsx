import { integer } from '../../lib/format.ts'
import { ownedTasks } from './mappers.ts'
import type { OwnedTask, StreamApp, StreamInstance } from './model.ts'
import { StateChip } from './state-chip.tsx'

/** Every task with who runs it and who keeps a copy of its state; how it goes is known of instances that answer. */
export function TaskTable(props: { readonly app: StreamApp }) {
  const tasks = ownedTasks(props.app)
  return (
    <section aria-label="Tasks" className="scrolling" tabIndex={0}>
      <h3>Tasks</h3>
      {tasks.length === 0 ? (
        <p>None: they are being dealt out.</p>
      ) : (
        <table className="data-table">
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col">State</th>
              <th scope="col">Owner</th>
              <th scope="col">Copies</th>
              <th scope="col">Lag by topic</th>
            </tr>
          </thead>
          <tbody>
            {tasks.map((task) => (
              <tr key={task.taskId}>
                <th scope="row" className="mono">
                  {task.taskId}
                </th>
                <td>{task.here === null ? '–' : <StateChip state={task.here.state} />}</td>
                <td className="mono">{ownerText(task, props.app.instances.length)}</td>
                <td className="mono">
                  {task.copies.length === 0 ? '–' : task.copies.map(instanceName).join(', ')}
                </td>
                <td>{lagText(task)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

/** The thread; of several instances that one before it. */
function ownerText({ owner, here }: OwnedTask, instanceCount: number): string {
  if (owner === null) return here?.thread ?? 'nobody, just now'
  if (here === null) return instanceName(owner)
  return instanceCount > 1 ? `${instanceName(owner)} ${here.thread}` : here.thread
}

function lagText({ here }: OwnedTask): string {
  if (here === null) return '–'
  return here.partitions
    .map(({ topic, lagRecords }) => `${topic} ${integer(lagRecords)}`)
    .join(', ')
}

/** Its address, or its id where it has none. */
export function instanceName({ server, processId }: Pick<StreamInstance, 'server' | 'processId'>) {
  return server ?? processId
}
