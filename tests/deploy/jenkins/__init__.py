"""The Jenkinsfile run without Jenkins, and the rest of what Jenkins is given."""
