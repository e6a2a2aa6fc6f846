from crewai import Agent, Crew
from crewai.project import CrewBase, agent, tool as handed_out
from crewai_tools import SerperDevTool
from research.tools.custom import ReadFile, write_report

@CrewBase
class Research:
    @handed_out
    def reader(self):
        return ReadFile()

    @agent
    def researcher(self) -> Agent:
        return Agent(config=None, tools=[SerperDevTool(), ReadFile(), write_report, self.reader()])
