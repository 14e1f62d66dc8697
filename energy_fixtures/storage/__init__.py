"""Where runs are kept: one machine's folder, or a store that many machines write to; one index over either.

location       a folder or a URL, as `--energy-storage` names it
names          what an object's name tells: machine, time, commit, branch, run, group, content
remote         the shared store itself; the only file that imports fsspec
spool          what this machine has not sent yet: a journal first, then whole files
outgoing       one session's results on their way to a shared store
listing        what a shared store holds, as runs; told from names alone, clocks that run ahead put right
shared_store   which run of it a reference means, as a file here
merge          the groups of a run as one result file
commits        what a result file says of its commit; the newest run of a branch
index          every figure of every run as one table
shelf          the files that it reads, of a folder or a shared store; rows, what one file adds to it
segments       its cache here; snapshots, copies of it in a shared store
retention      which runs may go
cache          the folder of this program's own files
"""
