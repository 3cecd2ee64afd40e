import { Modal } from '@mantine/core'
import { Fragment } from 'react'
import classes from './shortcuts.module.css'
import { SHORTCUTS } from './shortcuts'

/** The keyboard shortcuts of the chat page. */
export default function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title="Keyboard shortcuts" closeButtonProps={{ 'aria-label': 'Close' }}>
      <dl className={classes.list}>
        {SHORTCUTS.map(({ label, keys }) => (
          <Fragment key={label}>
            <dt>{label}</dt>
            <dd>
              {keys.map((combination, index) => (
                <Fragment key={combination.join('+')}>
                  {index > 0 && ' or '}
                  {combination.map((key) => (
                    <kbd key={key} className={classes.key}>
                      {key === 'Ctrl' && isMac() ? '⌘' : key}
                    </kbd>
                  ))}
                </Fragment>
              ))}
            </dd>
          </Fragment>
        ))}
      </dl>
    </Modal>
  )
}

function isMac(): boolean {
  return navigator.userAgent.includes('Mac OS')
}
