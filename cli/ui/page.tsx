import { render } from 'preact'
import { AccountPage } from './account.tsx'
import { AccountsPage } from './accounts.tsx'
import type { About } from '../ui.ts'
import { AboutContext } from './act.tsx'
import { RequestsPage } from './requests.tsx'
import { Link, useData, useRoute } from './route.tsx'

const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" />
    <path d="M9 23l7-15 7 15M12 18h8" />
  </svg>
)

const Console = () => {
  const route = useRoute()
  const [section, id] = route.path
  const { data: about = { stage: '', operates: false } } = useData<About>('about')
  return (
    <AboutContext.Provider value={about}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header>
        <div class="inner">
          <Mark />
          <strong>account-vending</strong>
          <nav aria-label="Pages of the console">
            <Link to="/" isCurrent={section !== 'requests'}>
              Accounts
            </Link>
            <Link to="/requests" isCurrent={section === 'requests'}>
              Requests
            </Link>
          </nav>
          <span class="about quiet">
            {about.stage && `stage ${about.stage}`}
            {about.stage && !about.operates && ', read-only'}
          </span>
        </div>
      </header>
      <main id="content" class="inner" tabIndex={-1}>
        {section === undefined && <AccountsPage {...route} />}
        {section === 'accounts' && id !== undefined && <AccountPage key={id} accountId={id} />}
        {section === 'requests' && <RequestsPage />}
        {section !== undefined && section !== 'requests' && !(section === 'accounts' && id !== undefined) && (
          <>
            <h1>Not found</h1>
            <p>
              There is no such page. <Link to="/">All accounts</Link>
            </p>
          </>
        )}
      </main>
    </AboutContext.Provider>
  )
}

render(<Console />, document.body)
