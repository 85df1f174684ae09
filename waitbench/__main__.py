from waitbench.cli import main

main()
