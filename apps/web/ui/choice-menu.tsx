import { Menu } from '@base-ui/react/menu'
import type { ReactNode } from 'react'
import { Icon } from './icon.tsx'

export interface Choice {
  readonly value: string
  readonly label: string
  readonly mark?: ReactNode
}

/** One of several, behind a button: theme, person. */
export function ChoiceMenu(props: {
  readonly label: string
  readonly heading: string
  readonly trigger: ReactNode
  readonly choices: readonly Choice[]
  readonly value: string
  readonly onChoose: (value: string) => void
  readonly note?: ReactNode
}) {
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="button" data-look="plain" aria-label={props.label}>
        {props.trigger}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner
          className="menu-positioner"
          sideOffset={6}
          align="end"
          collisionPadding={8}
        >
          <Menu.Popup className="menu">
            <Menu.RadioGroup
              value={props.value}
              onValueChange={(value: unknown) => props.onChoose(String(value))}
            >
              <div className="menu-heading">{props.heading}</div>
              {props.choices.map(({ value, label, mark }) => (
                <Menu.RadioItem key={value} value={value} className="menu-item" closeOnClick>
                  {mark}
                  {label}
                  <Menu.RadioItemIndicator>
                    <Icon name="check" />
                  </Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            {props.note}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
