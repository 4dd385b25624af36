import type { ComponentProps, ReactNode } from 'react'
import { Icon, type IconName } from './icon.tsx'

interface ButtonProps extends ComponentProps<'button'> {
  readonly look?: 'primary' | 'plain' | 'danger'
  readonly icon?: IconName
  readonly children: ReactNode
}

export function Button({ look, icon, children, className, ...rest }: ButtonProps) {
  return (
    <button type="button" className={`button ${className ?? ''}`} data-look={look} {...rest}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  )
}
