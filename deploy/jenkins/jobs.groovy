// The job, for the Job DSL plugin; casc.yaml gives REPOSITORY. One job for each branch and tag, with that one's Jenkinsfile.
multibranchPipelineJob('rollcall') {
    displayName('Rollcall')
    description('From a commit to servers that serve it: docs/pipeline.md in the repository.')
    branchSources {
        branchSource {
            source {
                git {
                    id('rollcall')
                    remote(REPOSITORY)
                    credentialsId('repository-ssh-key')
                    traits {
                        gitBranchDiscovery()
                        gitTagDiscovery()
                    }
                }
            }
            // By itself Jenkins finds tags and builds none. Old ones stay unbuilt, or a new controller would release them all.
            buildStrategies {
                buildRegularBranches()
                buildTags {
                    atLeastDays('')
                    atMostDays('7')
                }
            }
        }
    }
    // The repository's host calls Jenkins when something is pushed; this is for calls that were lost.
    triggers {
        periodicFolderTrigger {
            interval('15m')
        }
    }
    orphanedItemStrategy {
        discardOldItems {
            daysToKeep(30)
        }
    }
}
