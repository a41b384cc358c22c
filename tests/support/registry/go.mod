module weir/registry-client-test

go 1.12

require github.com/riferrei/srclient v0.7.0
