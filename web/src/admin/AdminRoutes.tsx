import { Button } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { lazy } from 'react'
import { Link, Route, Routes } from 'react-router'
import { Frame } from '../layout/Frame'
import { NotFound } from '../layout/NotFound'
import { useViewer } from '../session/context'
import { EmptyState } from '../ui/EmptyState'
import { AdminFrame } from './AdminFrame'
import { AuditPage } from './AuditPage'
import { ChatsPage } from './ChatsPage'
import { DeleteUserPage } from './DeleteUserPage'
import { KeysPage } from './KeysPage'
import { LedgerPage } from './LedgerPage'
import { UserPage } from './UserPage'
import { UsersPage } from './UsersPage'

const DashboardPage = lazy(() => import('./dashboard/DashboardPage'))

export default function AdminRoutes() {
  const { user } = useViewer()
  if (!user.isStaff && !user.isSuperuser) return <Forbidden />
  return (
    <Routes>
      <Route element={<AdminFrame />}>
        <Route index element={<DashboardPage />} />
        <Route path="users" element={<UsersPage />} />
        <Route path="users/:userId" element={<UserPage />} />
        <Route path="users/:userId/delete" element={<DeleteUserPage />} />
        <Route path="chats" element={<ChatsPage />} />
        <Route path="keys" element={<KeysPage />} />
        <Route path="ledger" element={<LedgerPage />} />
        <Route path="audit" element={<AuditPage />} />
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes>
  )
}

function Forbidden() {
  return (
    <Frame>
      <EmptyState
        Icon={IconLock}
        title="This part is for operators"
        action={
          <Button component={Link} to="/">
            To your chats
          </Button>
        }
      >
        Your account may not look after others. If it should, ask an operator.
      </EmptyState>
    </Frame>
  )
}
