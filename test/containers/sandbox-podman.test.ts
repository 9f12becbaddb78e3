import {sandboxContract} from '../contract/sandbox.js'

sandboxContract('podman')
