import { Switch } from '@base-ui/react/switch'
import { useNavigate } from '@tanstack/react-router'
import { setWalkDismissed } from '../follow/dismissal.ts'
import { keysEnabledStore, setKeysEnabled } from '../../lib/keys.ts'
import { useStore } from '../../lib/store.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'

const keys: readonly (readonly [readonly string[], string])[] = [
  [['?'], 'this help'],
  [['g', 'o'], 'go to the Overview'],
  [['g', 'e'], 'go to the Event log'],
  [['g', 'f'], 'go to the Failures'],
  [['g', 'p'], 'go to the Operations'],
  [['g', 's'], 'go to Streams'],
  [['g', 'l'], 'go to the Lab'],
  [['g', 'd'], 'go to Discussions'],
  [['g', 'r'], 'go to Orders'],
  [['g', 'u'], 'go to People'],
  [['/'], 'filter'],
  [['j'], 'next row'],
  [['k'], 'row before'],
  [['Enter'], 'open the row'],
  [['x'], 'tick the row of a failed event; with Shift, all up to it'],
  [['n'], 'in the Operations: plan a replay'],
  [['c'], 'new thread, or a comment on the open one'],
  [['u'], 'up vote on the open thread, or take it back'],
  [['l'], 'show waiting live updates; in the Event log, live on and off'],
  [['Esc'], 'close'],
]

/** All keys, their off switch, and the way back to the guided walk. */
export function KeysHelp(props: { readonly isOpen: boolean; readonly onClose: () => void }) {
  const navigate = useNavigate()
  const isEnabled = useStore(keysEnabledStore)
  const showWalk = (): void => {
    setWalkDismissed(false)
    props.onClose()
    void navigate({ to: '/', hash: 'walk' })
  }
  return (
    <Dialog title="Help and keys" isOpen={props.isOpen} onClose={props.onClose}>
      <dl className="keys">
        {keys.map(([names, does]) => (
          <div key={does}>
            <dt>
              {names.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label className="switch-line">
        <Switch.Root className="switch" checked={isEnabled} onCheckedChange={setKeysEnabled}>
          <Switch.Thumb />
        </Switch.Root>
        Single keys act. They never do in a text field.
      </label>
      <div className="actions">
        <Button icon="follow" onClick={showWalk}>
          Follow one event, step by step
        </Button>
      </div>
    </Dialog>
  )
}
